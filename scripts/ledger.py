#!/usr/bin/env python3
"""The two ledgers in tests/ledger and what is checked about them.

  ledger.py init INVENTORY.md      adds the rows of the inventory that the ledger does not have
  ledger.py update                 writes the evidence anew from the `Backs:` comments of the tests
  ledger.py check [RESULTS.json..] is it current, does every named test exist; with results: did it run and pass
  ledger.py summary                rows by part and state
  ledger.py torture init TESTS.txt [TORTURE.PY [BASELINE.json]]
  ledger.py torture update FILE    takes over the results of a run of torture.py (--out FILE)
  ledger.py torture check FILE     a row that says pass must have passed; promotions are named
  ledger.py torture names [RUNG..] the tests whose row says pass

inventory.csv: id, section, title, state, evidence, reason. The state is `tested` (evidence names the tests), `n/a` (reason says why
the row does not apply) or `open`. Only n/a and its reason are written by hand. A test backs rows by a comment directly above its
function: /* Backs: A045, B398-B400. */ in C, `# Backs: ...` in Python and shell.
smbtorture.csv: name, rung (smb1: the tests of that protocol), smbd (what Samba's own server does), state (pass, fail, skip, untested), reason.
"""
import csv
import fnmatch
import importlib.util
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lint"))
import source  # noqa: E402

INVENTORY = os.path.join(source.ROOT, "tests/ledger/inventory.csv")
TORTURE = os.path.join(source.ROOT, "tests/ledger/smbtorture.csv")
INVENTORY_FIELDS = ["id", "section", "title", "state", "evidence", "reason"]
TORTURE_FIELDS = ["name", "rung", "smbd", "state", "reason"]
BACKS = re.compile(r"\bBacks:\s*((?:[A-H]\d{3}(?:\s*-\s*[A-H]?\d{3})?[\s,;*#/]*)+)")
ITEM = re.compile(r"([A-H])(\d{3})(?:\s*-\s*([A-H]?)(\d{3}))?")


def load(path):
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def store(path, fields, rows):
    tmp = path + ".tmp"
    with open(tmp, "w", newline="", encoding="utf-8") as f:
        w = csv.DictWriter(f, fields, lineterminator="\n")
        w.writeheader()
        w.writerows(rows)
    os.replace(tmp, path)


def expand(text):
    """'A045, B398-B400' -> ids."""
    for part, first, part2, last in ITEM.findall(text):
        if last and part2 in ("", part):
            for n in range(int(first), int(last) + 1):
                yield f"{part}{n:03d}"
        else:
            yield f"{part}{first}"


def backs_in_c(path):
    text = source.read(path)
    attached = set()
    for f in source.functions(text):
        for m in BACKS.finditer(f.comment):
            attached.add(m.group(0))
            for row in expand(m.group(1)):
                yield row, f.name, f.line
    for line, comment in source.comments(text):
        m = BACKS.search(comment)
        if m and m.group(0) not in attached:
            yield None, f"a `Backs:` comment that stands above no function: {m.group(0)[:40]}", line


SCRIPT_CASE = re.compile(r"\s*(?:async\s+)?(?:def\s+(\w+)|(?:function\s+)?(\w+)\s*\(\)|(?:run_)?case\s+[\"']?([\w.-]+))")


def backs_in_script(path):
    lines = source.read(path).split("\n")
    for i, line in enumerate(lines):
        m = re.match(r"\s*#.*" + BACKS.pattern, line)
        if not m:
            continue
        text, j = line, i + 1
        while j < len(lines) and lines[j].lstrip().startswith("#"):
            text, j = text + " " + lines[j], j + 1
        head = SCRIPT_CASE.match(lines[j]) if j < len(lines) else None
        if not head:
            yield None, "a `Backs:` comment that stands above no case", i + 1
            continue
        for row in expand(BACKS.search(text).group(1)):
            yield row, next(g for g in head.groups() if g), i + 1


def collect():
    """-> ({id: sorted test names}, [findings])"""
    evidence, findings = {}, []
    tests = source.files(("tests", "fuzz", "bench"), (".c", ".py", ".sh"))
    for path in tests:
        for row, name, line in (backs_in_c if path.endswith(".c") else backs_in_script)(path):
            if row is None:
                findings.append((path, line, name))
            else:
                evidence.setdefault(row, {})[name] = (path, line)
    return evidence, findings


def inventory_rows(path):
    section = ""
    with open(path, encoding="utf-8") as f:
        for line in f:
            m = re.match(r"^## ([A-F]\.\d+) ", line)
            section = m.group(1) if m else section
            m = re.match(r"^\| ([A-F]\d{3}) \| ([^|]*) \| ([^|]*)", line)
            if m:
                title = re.sub(r"\s+", " ", m.group(3)).strip()
                if len(title) > 110:
                    title = title[:110].rsplit(" ", 1)[0] + " ..."
                yield {"id": m.group(1), "section": f"{section} ({m.group(2).strip()})", "title": title}


def cmd_init(args):
    rows = {r["id"]: r for r in load(INVENTORY)}
    for new in inventory_rows(args[0]):
        rows.setdefault(new["id"], {"state": "open", "evidence": "", "reason": ""}).update(new)
    store(INVENTORY, INVENTORY_FIELDS, [rows[k] for k in sorted(rows)])
    print(f"{len(rows)} rows")
    return 0


def with_evidence(rows, evidence):
    for r in rows:
        names = " ".join(sorted(evidence.get(r["id"], {})))
        state = "tested" if names else ("n/a" if r["state"] == "n/a" else "open")
        yield dict(r, state=state, evidence=names, reason=r["reason"] if state != "tested" else "")


def cmd_update(_):
    evidence, findings = collect()
    rows = list(with_evidence(load(INVENTORY), evidence))
    known = {r["id"] for r in rows}
    for row in sorted(set(evidence) - known):
        if row[0] in "ABCDEF":
            name, (path, line) = next(iter(evidence[row].items()))
            findings.append((path, line, f"{name} backs {row}, which the inventory does not have"))
    store(INVENTORY, INVENTORY_FIELDS, rows)
    cmd_summary(_)
    return source.report(findings, "ledger update")


def merge_results(paths):
    """Results of several runs, by the last component of each case's name: it passed if it passed everywhere and ran once."""
    merged = {}
    for p in paths:
        with open(p, encoding="utf-8") as f:
            for case, verdict in json.load(f).items():
                key = case.rsplit("/", 1)[-1]
                merged.setdefault(key, set()).add(verdict)
    return merged


def verdict_of(results, name):
    got = results.get(name, set())
    if "fail" in got:
        return "failed"
    return "passed" if "pass" in got else "skipped" if got else "did not run"


def check_inventory(paths):
    rows = load(INVENTORY)
    evidence, findings = collect()
    ledger = "tests/ledger/inventory.csv"
    seen = {}
    for n, (old, new) in enumerate(zip(rows, with_evidence(rows, evidence)), 2):
        if old["id"] in seen:
            findings.append((ledger, n, f"{old['id']} stands here twice"))
        seen[old["id"]] = n
        if old["state"] not in ("tested", "n/a", "open"):
            findings.append((ledger, n, f"{old['id']}: unknown state '{old['state']}'"))
        if old["state"] == "n/a" and not old["reason"]:
            findings.append((ledger, n, f"{old['id']} is n/a without a reason"))
        if (old["state"], old["evidence"]) != (new["state"], new["evidence"]):
            findings.append((ledger, n, f"{old['id']} says '{old['evidence'] or old['state']}', the tests say "
                             f"'{new['evidence'] or new['state']}': run scripts/ledger.py update"))
    counts = {p: sum(1 for k in seen if k[0] == p) for p in "ABCDEF"}
    for part, last in (("A", 96), ("B", 557), ("C", 217), ("D", 99), ("E", 121), ("F", 14)):
        if counts[part] != last:
            findings.append((ledger, 1, f"part {part} has {counts[part]} rows, the inventory has {last}"))
    for row in sorted(set(evidence) - set(seen)):
        if row[0] in "ABCDEF":
            path, line = next(iter(evidence[row].values()))
            findings.append((path, line, f"backs {row}, which the inventory does not have"))
    if paths:
        results = merge_results(paths)
        has_shared = os.path.isdir(os.environ.get("HYTHE_SHARED") or os.path.join(source.ROOT, "../shared"))
        for r in rows:
            for name in r["evidence"].split():
                verdict = verdict_of(results, name)
                # Without ../shared the tests that need it skip; elsewhere a row wants a test that ran.
                if verdict != "passed" and not (verdict == "skipped" and not has_shared):
                    findings.append((ledger, seen[r["id"]], f"{r['id']}: {name} {verdict}"))
    return findings


def cmd_check(paths):
    return source.report(check_inventory(paths), "inventory ledger")


def cmd_summary(_):
    rows = load(INVENTORY)
    for part in "ABCDEF":
        mine = [r["state"] for r in rows if r["id"][0] == part]
        print(f"{part}: {mine.count('tested')} tested, {mine.count('n/a')} n/a, {mine.count('open')} open, of {len(mine)}")
    print(f"in all {sum(r['state'] == 'tested' for r in rows)} of {len(rows)} rows are backed by tests")
    return 0


def torture_init(args):
    tests, runner, baseline = args[0], (args[1:2] or [None])[0], (args[2:3] or [None])[0]
    ladder, rules, base, match = [], [], {}, None
    if runner:
        spec = importlib.util.spec_from_file_location("torture", runner)
        t = importlib.util.module_from_spec(spec)
        sys.dont_write_bytecode = True
        spec.loader.exec_module(t)
        ladder, rules, match = t.LADDER, t.BUILTIN_RULES, t.match_filter
    if baseline:
        with open(baseline, encoding="utf-8") as f:
            base = json.load(f)["tests"]
    rows = {r["name"]: r for r in load(TORTURE)}
    with open(tests, encoding="utf-8") as f:
        names = [n.strip() for n in f if n.strip() and not n.startswith("#")]
    for n in names:
        excluded = next((r["exclude"] for r in rules if "exclude" in r and fnmatch.fnmatchcase(n, r["match"])), "")
        rung = "smb1" if not n.startswith("smb2.") else next((k[:2] for k, patterns in ladder if match(n, patterns)), "")
        row = rows.setdefault(n, {"name": n, "state": "skip" if excluded else "untested", "reason": excluded})
        row["rung"] = rung
        row["smbd"] = base.get(n, {}).get("status", "not run")
    store(TORTURE, TORTURE_FIELDS, sorted(rows.values(), key=lambda r: (r["rung"], names.index(r["name"]) if r["name"] in names else -1)))
    print(f"{len(rows)} rows")
    return 0


def torture_results(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)["tests"]


def short(reason):
    return re.sub(r"\s+", " ", reason or "").strip()[:160]


def torture_update(args):
    got, rows = torture_results(args[0]), load(TORTURE)
    for r in rows:
        if r["name"] not in got:
            continue
        status = got[r["name"]]["status"]
        state = {"pass": "pass", "skip": "skip"}.get(status, "fail")
        # A reason that somebody wrote for a row that still does not pass is worth more than a source line.
        keep = r["state"] == state and r["reason"] and not r["reason"].startswith("smb2/")
        r["reason"] = "" if state == "pass" else r["reason"] if keep else short(got[r["name"]].get("reason"))
        r["state"] = state
    store(TORTURE, TORTURE_FIELDS, rows)
    print(f"{sum(r['state'] == 'pass' for r in rows)} of {len(rows)} pass")
    return 0


def torture_check(args):
    got, findings, promoted = torture_results(args[0]), [], []
    for n, r in enumerate(load(TORTURE), 2):
        status = got.get(r["name"], {}).get("status")
        if r["state"] == "pass" and status != "pass":
            why = short(got.get(r["name"], {}).get("reason"))
            findings.append(("tests/ledger/smbtorture.csv", n, f"{r['name']} says pass, but: {status or 'did not run'} {why}"))
        elif r["state"] != "pass" and status == "pass":
            promoted.append(r["name"])
    if promoted:
        print(f"{len(promoted)} tests pass that the ledger does not count on; take them over with `ledger.py torture update`:")
        print("  " + "\n  ".join(promoted))
    return source.report(findings, "smbtorture ledger")


def torture_names(args):
    for r in load(TORTURE):
        if r["state"] == "pass" and (not args or r["rung"] in args):
            print(r["name"])
    return 0


COMMANDS = {"init": cmd_init, "update": cmd_update, "check": cmd_check, "summary": cmd_summary}
TORTURE_COMMANDS = {"init": torture_init, "update": torture_update, "check": torture_check, "names": torture_names}


def main(argv):
    table = COMMANDS
    if argv[:1] == ["torture"]:
        table, argv = TORTURE_COMMANDS, argv[1:]
    if not argv or argv[0] not in table or (argv[0] == "init" and len(argv) < 2):
        print(__doc__, file=sys.stderr)
        return 2
    return table[argv[0]](argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
