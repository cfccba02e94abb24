#!/usr/bin/env python3
"""report.py FILE [DIRECTORY]: what `make bench ARGS="--json FILE"` measured as the table of docs/performance.md, between its markers, and as a plot,
docs/performance.svg; both say of which commit. `bench.py --report` does the same at once, and prints its lines by what is here."""
import json
import math
import os
import platform
import re
import subprocess
import sys
import time
from xml.sax.saxutils import escape

import peers

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Limits that are in MB/s.
STREAMS = ("limit-tcp", "limit-gcm", "limit-gmac", "limit-ccm", "limit-read", "limit-write", "limit-copy")
BEGIN, END = "<!-- figures: begin, written by bench/report.py -->", "<!-- figures: end -->"
HEADER = f"{'row':16} {'':58} {'unit':9} {'hythe':>9} {'peer':>9}  {'ratio [quartiles]':32} {'cpu us/unit':>18}  {'ratio':18} limits of the machine"


def output(*command):
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def cpu_model():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())


def about(args):
    return {"commit": output("git", "rev-parse", "--short", "HEAD"), "committed": output("git", "log", "-1", "--format=%cs"),
            "changed": bool(output("git", "status", "--porcelain", "--", "src", "include", "bench")), "measured": time.strftime("%Y-%m-%d", time.gmtime()),
            "cpu": cpu_model(), "cores": os.cpu_count(), "kernel": platform.release(), "peer": output(peers.smbd_program(), "--version"),
            "quick": args.quick, "seconds": args.seconds, "rounds": args.rounds, "entries": args.entries, "files": args.files,
            "copy_mib": args.copy_mib, "copy_files": args.copy_files}


def short(v):
    if v is None:
        return "-"
    return f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}"


def value(side, key="rate"):
    """Of one side of a row: memory is a number, the rest have spreads."""
    if side is None or not isinstance(side, dict):
        return side if key == "rate" else None
    return side[key]["median"]


def text_of(f):
    return f["text"] + (f", of {f['count']:,}" if f.get("count") else "")


def line(key, f):
    """A row for the terminal."""
    head = f"{key:16} {text_of(f):58} {f['unit']:9}"
    if "failed" in f:
        return f"{head} {f['failed']}"
    r, promised = f.get("ratio"), f["promised"]
    ratio = f"{r['median']:.2f}" + (f" [{r['q1']:.2f} {r['q3']:.2f}]" if "q1" in r else "") if r else ""
    ratio += f" >= {promised['rate']:g}" if promised["rate"] else f" <= {promised['most']:g}" if promised["most"] else ""
    cpu = f"{short(value(f['ours'], 'cpu_us'))} / {short(value(f['theirs'], 'cpu_us'))}" if f["kind"] in ("load", "grow", "client") else ""
    of_cpu = f"{f['cpu_ratio']:.2f}" if f.get("cpu_ratio") else ""
    of_cpu += f" >= {promised['cpu']:g}" if promised["cpu"] else ""
    bound = ", ".join(f"{n[6:]} {short(v)}" for n, v in f["limits"].items())
    if f.get("bare"):
        bound += f"{', ' if bound else ''}bare {short(value(f['bare']))} at {short(value(f['bare'], 'cpu_us'))} us"
    missed = "  MISSED: " + "; ".join(f["missed"]) if f["missed"] else ""
    return (f"{head} {short(value(f['ours'])):>9} {short(value(f['theirs'])):>9}  {ratio:32} {cpu:>18}  {of_cpu:18} {bound}{missed}").rstrip()


# --- the table ---

def cpu_text(f, us):
    """Seconds per GB of streams, time per operation of the rest."""
    if us is None:
        return "-"
    if f["unit"] == "MB/s":
        return f"{us / 1000:.2g} s/GB"
    return f"{us / 1000:.3g} ms" if us >= 1000 else f"{us:.3g} us"


def cpu_cell(f, side):
    return cpu_text(f, value(f[side], "cpu_us"))


def ratio_cell(f):
    r = f.get("ratio")
    if not r:
        return "-"
    return short(r["median"]) + (f" ({short(r['q1'])} to {short(r['q3'])})" if "q1" in r else "")


def bare_table(rows):
    """What rows come to with nothing of SMB in them, beside what is promised of them."""
    lines = ["", "The messages of some rows between two bare ends, with nothing of SMB in them but what the server asks of the file system "
             "(`bench/bare.c`): no server can beat that here, but for READs of 64 KiB, whose answers the bare server sends as two packets and ours as one where others follow. \"Least\" is with no more than the file itself, opened, written and removed. Of `put` the bare ends are without smbd as well, and the processor time is the client's. Beside them, what the "
             "promised ratios come to with the peer's figures above.",
             "", "| | unit | Hythe | bare | least | promised comes to | CPU | CPU, bare | least | promised comes to |", "|---|---|---|---|---|---|---|---|---|---|"]
    for f in rows:
        p, rate, us = f["promised"], value(f["theirs"]), value(f["theirs"], "cpu_us")
        least = f.get("least")
        lines.append(f"| {text_of(f)} | {f['unit']} | {short(value(f['ours']))} | {short(value(f['bare']))} | {short(value(least)) if least else '-'} | "
                     f"{short(p['rate'] * rate) if rate and p['rate'] else '-'} | {cpu_cell(f, 'ours')} | {cpu_cell(f, 'bare')} | "
                     f"{cpu_cell(f, 'least') if least else '-'} | {cpu_text(f, us / p['cpu'] if us and p['cpu'] else None)} |")
    return lines


def table(out):
    a = out["about"]
    lines = [f"Commit {a['commit']} of {a['committed']}{', with changes' if a['changed'] else ''}, measured on {a['measured']}: {a['cores']} cores of "
             f"{a['cpu']}, Linux {a['kernel']}, smbd {a['peer'].replace('Version ', '')} tuned (`bench/smbd-tuned.conf`), files on tmpfs. "
             f"{a['rounds']} pairs in turns of {a['seconds']:g} s each; large directories of {a['entries']:,} entries; ratios are medians of the pairs, with "
             "quartiles. What is promised stands behind; what is missed is marked." + (" A quick run: good for nothing but a first look." if a["quick"] else ""),
             "", "| | unit | Hythe | peer | ratio | promised | CPU | CPU, peer | ratio | promised |", "|---|---|---|---|---|---|---|---|---|---|"]
    for key, f in out["rows"].items():
        if "failed" in f:
            lines.append(f"| {text_of(f)} | {f['unit']} | failed: {f['failed']} | | | | | | | |")
            continue
        p, missed = f["promised"], " **missed**"
        late = [m for m in f["missed"] if not m.startswith("cpu")]
        note = " (estimated)" if isinstance(f["theirs"], dict) and f["theirs"].get("estimated") else ""
        promised = f"{p['rate']:g}" if p["rate"] else f"at most {p['most']:g}" if p["most"] else ""
        timed = isinstance(f["ours"] or f["theirs"], dict)
        lines.append(
            f"| {text_of(f)} | {f['unit']} | {short(value(f['ours']))} | {short(value(f['theirs']))}{note} | {ratio_cell(f)} | {promised}{missed if late else ''} | "
            f"{cpu_cell(f, 'ours') if timed else ''} | {cpu_cell(f, 'theirs') if timed else ''} | {short(f['cpu_ratio']) if f.get('cpu_ratio') else ''} | "
            f"{format(p['cpu'], 'g') if p['cpu'] else ''}{missed if len(late) < len(f['missed']) else ''} |")
    limits = {n: v for f in out["rows"].values() for n, v in f.get("limits", {}).items()}
    if limits:
        lines += ["", "This machine without a server, one thread: " +
                  ", ".join(f"{n[6:]} {short(v)} {'MB/s' if n in STREAMS else 'per s'}" for n, v in limits.items()) + "."]
    bare = [f for f in out["rows"].values() if f.get("bare")]
    if bare:
        lines += bare_table(bare)
    return "\n".join(lines)


# --- the plot: ratios as bars from 1, on a logarithmic scale ---

LEFT, WIDTH, ROW, TOP = 360, 620, 26, 84
STYLE = """
  text { font: 12px sans-serif; fill: #24292f } .small { font-size: 11px; fill: #57606a } .title { font-size: 15px; font-weight: bold }
  .grid { stroke: #d0d7de } .one { stroke: #24292f } .rate { fill: #0a69b7 } .cpu { fill: #e0913a } .promise { stroke: #cf222e; stroke-width: 2 }
  .spread { stroke: #24292f }
  rect.ground { fill: #ffffff }
"""


def plot(out):
    rows = [(text_of(f), f) for f in out["rows"].values() if f.get("ratio") and f["ratio"]["median"] > 0]
    if not rows:
        return None
    every = [v for _, f in rows for v in (f["ratio"]["median"], f.get("cpu_ratio"), f["promised"]["rate"], f["promised"]["cpu"]) if v]
    low, high = math.floor(min(0, math.log10(min(every)))), math.ceil(max(1, math.log10(max(every))))

    def x(v):
        return LEFT + WIDTH * (math.log10(v) - low) / (high - low)

    def bar(kind, v, y, promised):
        a, b = sorted((x(1), x(v)))
        s = f'<rect class="{kind}" x="{a:.1f}" y="{y}" width="{max(b - a, 1):.1f}" height="9"/>'
        if promised:
            s += f'<line class="promise" x1="{x(promised):.1f}" x2="{x(promised):.1f}" y1="{y - 1}" y2="{y + 10}"/>'
        return s

    height, a = TOP + ROW * len(rows) + 24, out["about"]
    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 120} {height}" role="img" aria-label="Hythe compared with smbd">',
           f"<style>{STYLE}</style>", '<rect class="ground" width="100%" height="100%"/>',
           '<text class="title" x="12" y="24">How many times smbd: rates, and processor time saved</text>',
           f'<text class="small" x="12" y="42">commit {escape(a["commit"])} of {a["committed"]}, measured on {a["measured"]}'
           f'{", a quick run" if a["quick"] else ""}; {a["cores"]} cores of {escape(a["cpu"])}; logarithmic</text>',
           '<rect class="rate" x="12" y="54" width="12" height="9"/><text class="small" x="30" y="63">rate (quartiles of the pairs as a line)</text>',
           '<rect class="cpu" x="252" y="54" width="12" height="9"/><text class="small" x="270" y="63">processor time, smbd\'s over ours</text>',
           '<line class="promise" x1="470" x2="470" y1="53" y2="64"/><text class="small" x="478" y="63">promised</text>']
    for e in range(low, high + 1):
        at = x(10.0 ** e)
        svg.append(f'<line class="{"one" if e == 0 else "grid"}" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{height - 18}"/>'
                   f'<text class="small" x="{at:.1f}" y="{height - 6}" text-anchor="middle">{10.0 ** e:g}</text>')
    for i, (text, f) in enumerate(rows):
        y, r = TOP + i * ROW, f["ratio"]
        svg.append(f'<text x="{LEFT - 10}" y="{y + 13}" text-anchor="end">{escape(text)}</text>' + bar("rate", r["median"], y, f["promised"]["rate"]))
        if r.get("q1", 0) > 0:
            svg.append(f'<line class="spread" x1="{x(r["q1"]):.1f}" x2="{x(r["q3"]):.1f}" y1="{y + 4.5}" y2="{y + 4.5}"/>')
        if f.get("cpu_ratio"):
            svg.append(bar("cpu", f["cpu_ratio"], y + 10, f["promised"]["cpu"]))
        svg.append(f'<text class="small" x="{LEFT + WIDTH + 8}" y="{y + 13}">{short(r["median"])}'
                   f'{" / " + short(f["cpu_ratio"]) if f.get("cpu_ratio") else ""}</text>')
    return "\n".join(svg + ["</svg>", ""])


def write(out, where=os.path.join(ROOT, "docs")):
    page, drawing = os.path.join(where, "performance.md"), os.path.join(where, "performance.svg")
    text = f"# Performance\n\n{BEGIN}\n{END}\n"
    if os.path.exists(page):
        with open(page, encoding="utf-8") as f:
            text = f.read()
    m = re.search(re.escape(BEGIN) + r"\n.*?" + re.escape(END), text, re.S)
    if not m:
        sys.exit(f"{page}: the markers of the figures are missing:\n{BEGIN}\n{END}")
    svg = plot(out)
    shown = "![Ratios to smbd, as bars](performance.svg)\n\n" if svg else ""
    with open(page, "w", encoding="utf-8") as f:
        f.write(text[:m.start()] + f"{BEGIN}\n{shown}{table(out)}\n{END}" + text[m.end():])
    if svg:
        with open(drawing, "w", encoding="utf-8") as f:
            f.write(svg)
    print(f"wrote {page}" + (f" and {drawing}" if svg else ""))


def main(argv):
    if len(argv) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    with open(argv[0], encoding="utf-8") as f:
        write(json.load(f), *argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
