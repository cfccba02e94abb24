#!/usr/bin/env python3
"""No function over 120 lines, no file over 1,200."""
from source import files, functions, read, run

FUNCTION, FILE = 120, 1200


def check():
    for path in files(endings=(".c", ".h", ".def")):
        text = read(path)
        lines = text.count("\n")
        if lines > FILE:
            yield path, lines, f"the file has {lines} lines, more than {FILE}"
        for f in functions(text):
            if f.length > FUNCTION:
                yield path, f.line, f"{f.name} has {f.length} lines, more than {FUNCTION}"


run(check, "sizes")
