"""What `make bench` measures: a row each, with what it is to come to in comparison with the peer."""
from dataclasses import dataclass, field


@dataclass
class Row:
    key: str
    text: str
    load: list = field(default_factory=list)  # arguments of bench/load
    unit: str = "/s"
    limits: list = field(default_factory=list)  # of the machine, from bench/limits.c
    rate: float = 0  # least ratio of the rates that is promised; 0: none
    cpu: float = 0  # least ratio of the peer's processor time to ours
    kind: str = "load"  # which function of bench.py measures it
    pinned: bool = False  # load and server on one core: at depth 1 waking another costs more than most requests
    most: float = 0  # memory: what it may come to
    number: str = ""  # the argument with how many of them
    alone: bool = False  # the peer is not asked: it would take too much of the machine
    # The row's messages with nothing of SMB in them, from bench/bare.c; as many connections, and pinned if the row is. least: with no more than the file
    # itself where `bare` has what SMB wants to know of the file system besides.
    bare: str = ""
    least: str = ""


PROTECT = {
    # name, limit, (rate, cpu) of reads, of writes
    "plain": ("plain", [], (1.05, 1.05), (1.05, 1.05)),
    "signed": ("signed GMAC", ["limit-gmac"], (1.5, 1.2), (1.1, 1.1)),
    "signed-cmac": ("signed CMAC", [], (0, 0), (0, 0)),  # as Windows 10 and Linux sign
    "sealed": ("sealed GCM", ["limit-gcm"], (1.15, 1.1), (1.3, 1.1)),
    "sealed-ccm": ("sealed CCM", ["limit-ccm"], (2.1, 2.1), (2.1, 2.1)),
}


def stream(kind, protect):
    name, cipher, *promised = PROTECT[protect]
    rate, cpu = promised[kind == "write"]
    return Row(f"{kind}1m-{protect}", f"{kind} 1 MiB, {name}", ["--test", kind, "--depth", "8", "--protect", protect], "MB/s",
               ["limit-tcp", f"limit-{kind}"] + cipher, rate, cpu)


def stream4m(kind, protect):
    """As large as Linux makes them if nobody says otherwise."""
    return Row(f"{kind}4m-{protect}", f"{kind} 4 MiB, {PROTECT[protect][0]}", ["--test", kind, "--block", "4194304", "--depth", "4", "--protect", protect], "MB/s")


def stream64k(kind):
    return Row(f"{kind}64k", f"{kind} 64 KiB, depth 16", ["--test", kind, "--block", "65536", "--depth", "16"], "MB/s",
               ["limit-tcp", f"limit-{kind}"], 1.3, 1.2, bare="limit-serve-read64k" if kind == "read" else "")


SMALL = ["--block", "4096"]
MANY = ["--dir", "many"]
ROWS = [
    Row("fresh", "memory of a fresh server", unit="KiB", kind="fresh", most=16 * 1024),
    Row("idle", "memory of an idle session on its own connection", ["--test", "hold-connections"], "KiB", kind="held", number="sessions", most=32),
    Row("idle-10000", "the same, all that the machine holds", ["--test", "hold-connections"], "KiB", kind="held", number="crowd", most=32,
        alone=True),
    Row("sessions", "memory of an idle session, all on one connection", ["--test", "hold-sessions"], "KiB", kind="held", number="shared"),
    Row("opens", "memory of an open file with a lease", ["--test", "hold-opens", "--dir", "many"], "KiB", kind="held", number="opens", most=1),
    Row("after", "memory when the load has gone, to that of a fresh server", unit="times", kind="after", most=2),
    *[stream(kind, protect) for protect in PROTECT for kind in ("read", "write")],
    *[stream4m(kind, protect) for protect in ("plain", "signed", "sealed") for kind in ("read", "write")],
    stream64k("read"),
    stream64k("write"),
    Row("read4k-1", "read 4 KiB at random, depth 1", ["--test", "random-read", *SMALL], "/s", ["limit-ping", "limit-read4k"], 1.0, 1.2, pinned=True,
        bare="limit-serve-read4k"),
    Row("read4k-32", "read 4 KiB at random, depth 32", ["--test", "random-read", *SMALL, "--depth", "32"], "/s", ["limit-read4k"], 3, 3.7),
    Row("write4k-32", "write 4 KiB at random, depth 32", ["--test", "random-write", *SMALL, "--depth", "32"], "/s", ["limit-write4k"], 2.6, 2.5),
    Row("echo", "echo, depth 32", ["--test", "echo", "--depth", "32"], "/s", [], 7.5, 16),
    Row("query", "query-info of an open file, depth 32", ["--test", "query", "--depth", "32"], "/s", [], 6.5, 12),
    Row("oqc-1", "open-query-close, depth 1", ["--test", "open-query-close", "--dir", "small"], "/s", ["limit-ping", "limit-open"], 1.3, 2.5,
        pinned=True),
    Row("oqc", "open-query-close, depth 16", ["--test", "open-query-close", "--dir", "small", "--depth", "16"], "/s", ["limit-open"], 3, 4),
    Row("cwcd-1", "create-write-close-delete, 1 connection", ["--test", "create-write-delete", "--dir", "new"], "/s",
        ["limit-ping", "limit-create"], 3, 6, pinned=True, bare="limit-serve-create",
        least="limit-serve-least-create"),
    Row("cwcd-8", "create-write-close-delete, 8 connections", ["--test", "create-write-delete", "--dir", "new", "--connections", "8"], "/s",
        ["limit-create"], 6, 6, bare="limit-serve-create", least="limit-serve-least-create"),
    Row("cwcd", "the same, 1 connection, depth 16", ["--test", "create-write-delete", "--dir", "new", "--depth", "16"], "/s", ["limit-create"]),
    Row("list-2000", "list 2,000 entries", ["--test", "list", "--dir", "some"], "entries/s", ["limit-list"], 3, 3),
    Row("list", "list a large directory", ["--test", "list", *MANY], "entries/s", ["limit-list"], 3, 3, number="entries"),
    Row("open-exact", "open and close in the large directory", ["--test", "open", *MANY], "/s", [], 1.2, pinned=True),
    Row("open-case", "the same by a name in another case", ["--test", "open-other-case", *MANY], "/s", [], 500, 800, pinned=True),
    Row("open-missing", "the same by a name that is missing", ["--test", "open-missing", *MANY], "/s", [], 500, 800, pinned=True),
    Row("grow", "create files in one directory", ["--test", "create", "--depth", "16"], "/s", [], 50, kind="grow", number="files"),
    Row("login", "log in and off, new connections", ["--test", "login", "--protect", "signed"]),
    Row("login-4", "log in and off, new connections, 4 side by side", ["--test", "login", "--protect", "signed", "--connections", "4"], rate=35, cpu=60,
        bare="limit-serve-login"),
    Row("relogin", "log in and off, the same connection", ["--test", "relogin", "--protect", "signed"], rate=15, cpu=15, pinned=True),
    Row("get", "hythe get and smbclient get", unit="MB/s", limits=["limit-copy"], rate=1.3, kind="client"),
    Row("put", "hythe put and smbclient put", unit="MB/s", rate=1.3, kind="client", bare="limit-serve-put"),
    Row("get-r", "hythe get -r and smbclient mget, files of 4 KiB", unit="files/s", rate=3, kind="client", number="copy_files"),
    Row("put-r", "hythe put -r and smbclient mput, files of 4 KiB", unit="files/s", rate=3, kind="client", number="copy_files"),
]
