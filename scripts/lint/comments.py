#!/usr/bin/env python3
"""Comments say why, never status: what is open stands in the ledger."""
import re

from source import comments, files, read, run

STATUS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bnot (yet )?implemented( yet)?\b(?! by)|\bunimplemented\b|\bfor now\b", re.I)
SCRIPT_ENDINGS = (".py", ".sh", "meson.build", "Makefile")


def check():
    for path in files():
        for n, text in comments(read(path)):
            for m in STATUS.finditer(text):
                yield path, n + text.count("\n", 0, m.start()), f"status in a comment: '{m.group(0)}'"
    for path in files((".",), SCRIPT_ENDINGS):
        if path.startswith("scripts/lint/"):
            continue
        for n, line in enumerate(read(path).split("\n"), 1):
            m = re.search(r"(^|\s)#.*", line)
            if m and STATUS.search(m.group(0)):
                yield path, n, f"status in a comment: '{STATUS.search(m.group(0)).group(0)}'"


run(check, "comments")
