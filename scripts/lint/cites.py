#!/usr/bin/env python3
"""Every handler (cmd_* in src/server) and every coder (*_code in src/wire) cites its section in the comment above it."""
import re

from source import files, functions, read, run

SECTION = re.compile(r"\[MS-[A-Z0-9]+\]|\b\d+\.\d+(\.\d+)*\b|\bRFC \d+")


def check():
    for path in files(("src/server", "src/wire"), (".c",)):
        for f in functions(read(path)):
            handler = path.startswith("src/server/") and f.name.startswith("cmd_") and not f.static
            coder = path.startswith("src/wire/") and f.name.endswith("_code")
            if (handler or coder) and not SECTION.search(f.comment):
                yield path, f.line, f"{f.name} does not cite its section in a comment directly above"


run(check, "citations")
