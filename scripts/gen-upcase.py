#!/usr/bin/env python3
"""Writes src/base/upcase.inc: Unicode's simple upper and lower case mappings of 16-bit units, one-to-one only."""
import sys
import unicodedata


def table(name, convert):
    rows = []
    for c in range(0x10000):
        if 0xD800 <= c < 0xE000:
            continue
        m = convert(chr(c))
        if len(m) == 1 and ord(m) < 0x10000 and ord(m) != c:
            rows.append((c, ord(m)))
    # runs (first, last, step, delta): neighbours with the same distance share a row
    runs = []
    for c, m in rows:
        d = m - c
        if runs:
            f, l, s, rd = runs[-1]
            if rd == d and ((f == l and c - l in (1, 2)) or (f != l and c - l == s)):
                runs[-1] = (f, c, c - l, d)
                continue
        runs.append((c, c, 1, d))
    print(f"static const struct case_run {name}[] = {{")
    for f, l, s, d in runs:
        print(f"\t{{0x{f:04x}, 0x{l:04x}, {s}, {d}}},")
    print("};")


print(f"/* Made by scripts/gen-upcase.py from Unicode {unicodedata.unidata_version}; do not edit. */")
table("upcase_runs", str.upper)
table("downcase_runs", str.lower)
