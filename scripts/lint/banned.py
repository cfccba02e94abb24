#!/usr/bin/env python3
"""Functions that cannot be used safely, or not by threads; and words of the language that only make code harder to read."""
import re

from source import code, files, read, run

BANNED = {
    "strcpy": "str_copy or snprintf", "strcat": "snprintf", "strncpy": "snprintf", "strncat": "snprintf", "stpcpy": "snprintf",
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "fgets", "atoi": "strtoul with its checks",
    "atol": "strtoul with its checks", "atoll": "strtoull with its checks", "atof": "strtod with its checks",
    "strtok": "strtok_r or a slice", "alloca": "the arena", "rand": "random_bytes", "srand": "random_bytes",
    "random": "random_bytes", "srandom": "random_bytes", "tmpnam": "mkstemp", "tempnam": "mkstemp", "mktemp": "mkstemp",
    "gmtime": "gmtime_r", "localtime": "localtime_r", "ctime": "strftime", "asctime": "strftime",
    "gethostbyname": "getaddrinfo", "setjmp": "a status", "longjmp": "a status", "signal": "sigaction",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
# Inside wire nothing is allocated: decoding gives views, encoding writes into the caller's window.
ALLOCATES = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|errno)\b")


def check():
    for path in files():
        for n, line in enumerate(code(read(path)).split("\n"), 1):
            for m in CALL.finditer(line):
                if path.startswith("tests/") and m.group(1) in ("random", "srandom"):
                    continue  # a seed that can be repeated is what a test wants
                yield path, n, f"{m.group(1)} is banned; use {BANNED[m.group(1)]}"
            if path.startswith("src/wire/"):
                for m in ALLOCATES.finditer(line):
                    yield path, n, f"wire knows no {m.group(1)}"


run(check, "banned functions")
