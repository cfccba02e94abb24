#!/usr/bin/env python3
"""readme.py update|check: the table of what works in README.md, between its markers, from the ledgers of tests/ledger."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ledger  # noqa: E402

README = os.path.join(ledger.source.ROOT, "README.md")
BEGIN, END = "<!-- what works: begin, written by scripts/readme.py -->", "<!-- what works: end -->"
RUNGS = {
    "01": "Connect, negotiate, tree connect", "02": "Session setup, signing, encryption", "03": "Read, write, flush",
    "04": "Create, open, close, delete", "05": "Directory listing", "06": "File information, timestamps, DOS modes",
    "07": "Share modes, delete on close, rename", "08": "Compounds", "09": "Credits", "10": "Byte-range locks", "11": "Oplocks",
    "12": "Leases", "13": "Change notify", "14": "FSCTLs: copychunk, sparse, zero, resume key", "15": "Streams and EAs",
    "16": "Access control lists", "17": "Durable handles v1", "18": "Durable handles v2, persistent handles",
    "19": "Session binding, multichannel", "20": "Replay, channel sequence", "21": "Kerberos expiry, snapshots, Samba's own",
    "smb1": "SMB1: the exchange of old devices",
}
PARTS = {"A": "Wire messages", "B": "Server behaviour", "C": "Client behaviour", "D": "Cross-cutting capabilities",
         "E": "Security and interoperability", "F": "Examples of the specification"}


def table():
    rows = ledger.load(ledger.TORTURE)
    out = ["Samba's conformance suite, smbtorture 4.17, tests that pass:", "", "| | Hythe | Samba's smbd 4.17 |", "|---|---|---|"]
    total = [0, 0]
    for rung, title in RUNGS.items():
        mine = [r for r in rows if r["rung"] == rung]
        ours, smbd = sum(r["state"] == "pass" for r in mine), sum(r["smbd"] == "pass" for r in mine)
        total = [total[0] + ours, total[1] + smbd]
        out.append(f"| {title} | {ours or '-'} | {smbd} |")
    out.append(f"| All | {total[0]} | {total[1]} |")
    rows = ledger.load(ledger.INVENTORY)
    out += ["", "Requirements of [MS-SMB2] that a named test in this repository backs:", "", "| | backed | do not apply | open |",
            "|---|---|---|---|"]
    for part, title in PARTS.items():
        mine = [r["state"] for r in rows if r["id"][0] == part]
        out.append(f"| {title} | {mine.count('tested')} | {mine.count('n/a')} | {mine.count('open')} |")
    return "\n".join(out)


def main(argv):
    if argv not in (["update"], ["check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = open(README, encoding="utf-8").read()
    m = re.search(re.escape(BEGIN) + r"\n.*?" + re.escape(END), text, re.S)
    if not m:
        print("README.md: the markers of the table are missing")
        return 1
    new = text[:m.start()] + BEGIN + "\n" + table() + "\n" + END + text[m.end():]
    if argv == ["check"]:
        print("README table: " + ("current" if new == text else "not current: run scripts/readme.py update"))
        return int(new != text)
    with open(README, "w", encoding="utf-8") as f:
        f.write(new)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
