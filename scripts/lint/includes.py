#!/usr/bin/env python3
"""Includes point one way (docs/architecture.md): a folder sees what its row allows; public headers see nothing internal."""
import re

from source import files, read, run

BELOW = {
    "base": "",
    "wire": "base",
    "crypto": "base",
    "compress": "base",
    "auth": "base wire crypto",
    "rpc": "base wire",
    "proto": "base wire crypto compress",
    "net": "base wire",
    "vfs": "base",
    "fsa": "base vfs",
    "client": "base wire crypto compress auth rpc proto net",
    "server": "base wire crypto compress auth rpc proto net vfs fsa",
    "trace": "base wire crypto proto",
    "cli": "base wire crypto compress auth rpc proto net vfs fsa server client trace",
}
# Public headers that belong to one side; the others are for everybody.
PUBLIC = {"client.h": {"client", "cli"}, "server.h": {"server", "cli"}, "vfs.h": {"vfs", "server", "cli"}}
# `wire` knows no state, sockets, memory or errno; sockets are net's; errno stays where system calls are.
SYSTEM = {
    "wire": r"errno\.h|malloc\.h|unistd\.h|pthread\.h|sys/.*|netinet/.*|arpa/.*",
    "crypto": r"sys/socket\.h|netinet/.*",
    "proto": r"errno\.h|unistd\.h|sys/socket\.h|sys/epoll\.h|netinet/.*|arpa/.*|netdb\.h",
    "rpc": r"errno\.h|unistd\.h|sys/socket\.h|netinet/.*|netdb\.h",
    "fsa": r"errno\.h|unistd\.h|fcntl\.h|sys/socket\.h|netinet/.*|netdb\.h",
    "server": r"errno\.h|sys/socket\.h|sys/epoll\.h|netinet/.*|arpa/.*|netdb\.h",
    "trace": r"unistd\.h|pthread\.h|sys/.*|netinet/.*|netdb\.h",
    "client": r"sys/socket\.h|sys/epoll\.h|netinet/.*|arpa/.*|netdb\.h",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check_source(path, line, kind, target):
    folder = path.split("/")[1]
    top = target.split("/")[0]
    if folder not in BELOW:
        return f"folder src/{folder} has no row in scripts/lint/includes.py"
    if top == "hythe":
        owners = PUBLIC.get(target.split("/", 1)[1])
        if owners and folder not in owners:
            return f"{folder} may not include <{target}>"
    elif kind == '"' and "/" in target and top != folder and top not in BELOW[folder].split():
        return f"{folder} may not include {top} ({target})"
    elif kind == '"' and "/" not in target:
        return f'write "{folder}/{target}", so that the include says where it leads'
    elif kind == "<" and folder in SYSTEM and re.fullmatch(SYSTEM[folder], target):
        return f"{folder} may not include <{target}>"
    return None


def check():
    for path in files(("src", "include"), (".c", ".h", ".inc", ".def")):
        for n, text in enumerate(read(path).split("\n"), 1):
            m = INCLUDE.match(text)
            if not m:
                continue
            if path.startswith("src/"):
                message = check_source(path, n, m.group(1), m.group(2))
                if message:
                    yield path, n, message
            elif m.group(1) == '"' or ("/" in m.group(2) and not m.group(2).startswith(("hythe/", "sys/"))):
                yield path, n, f"a public header may not include {m.group(2)}"


run(check, "include direction")
