#!/usr/bin/env python3
"""Hythe beside Debian's smbd on the same machine, the same files and the same client: `make bench [ARGS=--quick]`.

Every row is measured in turns (hythe, smbd, hythe, smbd, ...) and the medians are compared. The load comes from bench/load over
Hythe's own client library; both servers negotiate SMB 3.1.1 with AES-128-GMAC to sign or AES-128-GCM to seal, which the load
generator insists on. smbd runs with bench/smbd-tuned.conf, its measured best. Files lie on /dev/shm. `cpu` is the server's
processor time for one unit of work, from /proc/PID/stat of the server and all its children; memory is their PSS. The limits are
those of the machine without any server. Needs root, as smbd does."""
import argparse
import getpass
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "bench-Passw0rd"
TICK = os.sysconf("SC_CLK_TCK")

# key, what it is, arguments of load, unit, limits, least ratio to smbd that is promised (0: none)
IO = [
    (f"{kind}1m-{protect}", f"{what} 1 MiB, {name}", ["--test", f"{kind}1m", "--depth", "8", "--protect", protect], "MB/s",
     ["limit-tcp", f"limit-{kind}"] + cipher, 1.0)
    for protect, name, cipher in (("plain", "plain", []), ("signed", "signed GMAC", ["limit-gmac"]), ("sealed", "sealed GCM", ["limit-gcm"]))
    for kind, what in (("read", "read"), ("write", "write"))
]
ROWS = IO + [
    ("read4k-1", "read 4 KiB at random, depth 1", ["--test", "read4k"], "/s", ["limit-ping", "limit-read4k"], 0),
    ("read4k-32", "read 4 KiB at random, depth 32", ["--test", "read4k", "--depth", "32"], "/s", ["limit-read4k"], 1.2),
    ("oqc-1", "open-query-close, depth 1", ["--test", "oqc", "--dir", "small"], "/s", ["limit-ping", "limit-open"], 0),
    ("oqc", "open-query-close, depth 16", ["--test", "oqc", "--dir", "small", "--depth", "16"], "/s", ["limit-open"], 1.5),
    ("cwcd-1", "create-write-close-delete, depth 1", ["--test", "cwcd", "--dir", "new"], "/s", ["limit-ping", "limit-create"], 0),
    ("cwcd", "create-write-close-delete, depth 16", ["--test", "cwcd", "--dir", "new", "--depth", "16"], "/s", ["limit-create"], 1.5),
    ("list", "list a large directory", ["--test", "list", "--dir", "many"], "entries/s", ["limit-list"], 0),
    ("login", "log in and off, new connections", ["--test", "login", "--protect", "signed"], "/s", [], 10),
    ("login-4", "the same, 4 side by side", ["--test", "login", "--protect", "signed", "--count", "4"], "/s", [], 10),
]

# key, what it is, the option with the number of them, arguments of load, what one may cost in KiB
MEMORY = [
    ("idle", "memory of an idle session", "sessions", ["--test", "idle"], 32),
    ("opens", "memory of an open file with a lease", "opens", ["--test", "opens", "--dir", "new"], 1),
]


def process_tree(pid):
    """pid and its descendants."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(name))
            except (OSError, IndexError):
                pass
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        todo += children.get(p, [])
    return found


def cpu_seconds(pid):
    """Of the tree, with the children that have ended and been waited for."""
    ticks = 0
    for p in process_tree(pid):
        try:
            with open(f"/proc/{p}/stat") as f:
                ticks += sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:15])
        except OSError:
            pass
    return ticks / TICK


def pss_kib(pid):
    total = 0
    for p in process_tree(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except OSError:
            pass
    return total


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, log):
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"bench: {' '.join(process.args)} does not listen on port {port}:\n" + open(log, errors="replace").read()[-2000:])


class Server:
    def __init__(self, name, share):
        self.name, self.share, self.process = name, share, None

    def start(self, command, log, **more):
        with open(log, "wb") as out:
            # A session of its own: a terminating smbd signals its whole process group.
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **more)
        wait_for_port(self.port, self.process, log)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def start_smbd(state, shm, user):
    s = Server("smbd", "tmpfs")
    s.port = free_port()
    smbd = shutil.which("smbd") or "/usr/sbin/smbd"
    for d in ("private", "lock", "state", "cache", "pid", "ncalrpc", "log"):
        os.makedirs(f"{state}/smbd/{d}", mode=0o755, exist_ok=True)
    os.makedirs(f"{state}/share-ext4", exist_ok=True)
    conf = f"{state}/smb.conf"
    with open(f"{HERE}/smbd-tuned.conf") as f:
        text = f.read().replace("@DIR@", state).replace("@SHM@", shm).replace("@PORT@", str(s.port))
    with open(conf, "w") as f:
        f.write(text)
    subprocess.run(["pdbedit", "-s", conf, "-a", "-t", "-u", user], input=f"{PASSWORD}\n{PASSWORD}\n", text=True, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    s.start([smbd, "--foreground", "--no-process-group", "-s", conf], f"{state}/smbd.out")
    return s


def start_hythe(build, state, shm, user):
    s = Server("hythe", "bench")
    s.port = free_port()
    hythe = f"{build}/src/cli/hythe"
    os.makedirs(f"{state}/hythe", exist_ok=True)
    conf = f"{state}/hythe.conf"
    with open(conf, "w") as f:
        f.write(f"[server]\nlisten = 127.0.0.1:{s.port}\nstate = {state}/hythe\nsigning = enabled\nencryption = off\n"
                f"[share bench]\npath = {shm}/share-tmpfs\n")
    env = dict(os.environ, HYTHE_PASSWORD=PASSWORD)
    s.start([hythe, "serve", "--config", conf, "--user", user], f"{state}/hythe.out", env=env)
    return s


def make_files(root, file_mib, entries):
    os.makedirs(root)
    for d in ("small", "new", "many"):
        os.mkdir(f"{root}/{d}")
    block = os.urandom(1 << 20)
    with open(f"{root}/big", "wb") as f:
        for _ in range(file_mib):
            f.write(block)
    for i in range(1000):
        with open(f"{root}/small/file-{i:05}", "wb") as f:
            f.write(block[:4096])
    for i in range(entries):
        os.close(os.open(f"{root}/many/entry number {i:06}.dat", os.O_CREAT | os.O_WRONLY, 0o644))


class Bench:
    def __init__(self, args, state, shm):
        self.args, self.state, self.shm = args, state, shm
        self.user = getpass.getuser()
        self.seconds = args.seconds or (0.7 if args.quick else 2.0)
        self.rounds = args.rounds or (2 if args.quick else 5)
        self.results = {}
        self.servers = []

    def load(self, *more):
        command = [f"{self.args.build}/bench/load", "--seconds", str(self.seconds), "--file-mib", str(self.args.file_mib), *more]
        env = dict(os.environ, HYTHE_PASSWORD=PASSWORD)
        p = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if p.returncode != 0:
            raise RuntimeError(p.stderr.strip() or f"load ended with {p.returncode}")
        return json.loads(p.stdout)

    def start(self):
        if self.args.server != "smbd":
            self.servers.append(start_hythe(self.args.build, self.state, self.shm, self.user))
        if self.args.server != "hythe":
            self.servers.append(start_smbd(self.state, self.shm, self.user))

    def stop(self):
        while self.servers:
            self.servers.pop().stop()

    def target(self, server):
        return ["--port", str(server.port), "--share", server.share, "--user", self.user]

    def measure(self, server, arguments, unit):
        before = cpu_seconds(server.process.pid)
        r = self.load(*self.target(server), "--file", "big", *arguments)
        time.sleep(0.05)
        cpu = cpu_seconds(server.process.pid) - before
        work = r["bytes"] / 1e6 if unit == "MB/s" else r["ops"]
        return {"rate": work / r["seconds"], "cpu_us": cpu / work * 1e6 if work else 0.0}

    def row(self, arguments, unit):
        runs = {s.name: [] for s in self.servers}
        for _ in range(self.rounds):
            for s in self.servers:
                runs[s.name].append(self.measure(s, arguments, unit))
        return {name: {k: statistics.median(x[k] for x in r) for k in r[0]} | {"runs": [x["rate"] for x in r]}
                for name, r in runs.items() if r}

    def limits(self, names):
        local = f"{self.shm}/share-tmpfs"
        place = {"limit-open": "small", "limit-create": "new", "limit-list": "many"}
        for name in names:
            if name not in self.results:
                r = self.load("--test", name, "--file", f"{local}/big", "--dir", f"{local}/{place.get(name, '')}")
                big = name in ("limit-tcp", "limit-gcm", "limit-gmac", "limit-read", "limit-write")
                self.results[name] = (r["bytes"] / 1e6 if big else r["ops"]) / r["seconds"]
        return {n: self.results[n] for n in names}

    def held(self, server, arguments, count):
        """KiB of PSS for one more of what load holds."""
        before, processes = pss_kib(server.process.pid), len(process_tree(server.process.pid))
        command = [f"{self.args.build}/bench/load", *arguments, "--count", str(count), "--protect", "signed", *self.target(server)]
        p = subprocess.Popen(command, env=dict(os.environ, HYTHE_PASSWORD=PASSWORD), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        try:
            if p.stdout.readline().strip() != "ready":
                raise RuntimeError(p.stderr.read().strip())
            time.sleep(1)
            return (pss_kib(server.process.pid) - before) / count
        finally:
            p.communicate()
            # What ends slowly must not disturb the next row.
            for _ in range(300):
                if len(process_tree(server.process.pid)) <= processes:
                    break
                time.sleep(0.1)


def short(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.3g}"


def print_row(text, unit, r, limits, least):
    ours, theirs = r.get("hythe"), r.get("smbd")
    ratio = f"{ours['rate'] / theirs['rate']:.2f}" if ours and theirs else ""
    mark = "" if not (ratio and least) else f" >= {least:g}" + ("" if float(ratio) >= least else " MISSED")
    cpu = f"{short(ours['cpu_us']) if ours else '-'} / {short(theirs['cpu_us']) if theirs else '-'}"
    bound = ", ".join(f"{n[6:]} {short(v)}" for n, v in limits.items())
    print(f"{text:38} {unit:9} {short(ours['rate']) if ours else '-':>9} {short(theirs['rate']) if theirs else '-':>9}"
          f" {ratio:>6}{mark:14} {cpu:>17}  {bound}", flush=True)
    return bool(mark.endswith("MISSED"))


def arguments():
    a = argparse.ArgumentParser(description="Measures hythe beside smbd.")
    a.add_argument("--build", default=f"{HERE}/../build/bench", help="directory of the build")
    a.add_argument("--quick", action="store_true", help="about a minute: short runs, 20,000 entries, 200 idle sessions")
    a.add_argument("--only", help="rows, by comma: " + ", ".join(r[0] for r in MEMORY + ROWS))
    a.add_argument("--server", choices=("hythe", "smbd"), help="one server alone")
    a.add_argument("--seconds", type=float, help="of one run")
    a.add_argument("--rounds", type=int, help="runs of each server for one row")
    a.add_argument("--json", help="file for the figures")
    args = a.parse_args()
    unknown = set(args.only.split(",") if args.only else []) - {r[0] for r in MEMORY + ROWS}
    if unknown:
        a.error("no such row: " + ", ".join(sorted(unknown)))
    args.build = os.path.abspath(args.build)
    args.file_mib = 64 if args.quick else 256
    args.entries = 20000 if args.quick else 100000
    args.sessions = 200 if args.quick else 1000
    args.opens = 2000 if args.quick else 10000
    return args


def memory_row(bench, arguments, count):
    """On servers that have done nothing before, for memory that was freed would not count."""
    memory = {}
    bench.stop()
    bench.start()
    for s in bench.servers:
        try:
            memory[s.name] = bench.held(s, arguments, count)
        except RuntimeError as e:
            print(f"{' '.join(arguments)}, {s.name}: {e}", flush=True)
    return memory


def print_memory(text, memory, most):
    """Whether the row misses what it promises."""
    ours, theirs = memory.get("hythe"), memory.get("smbd")
    ratio = f"{theirs / ours:.0f}x" if ours and theirs else ""
    missed = ours is not None and ours > most
    print(f"{text:38} {'KiB':9} {short(ours) if ours is not None else '-':>9} {short(theirs) if theirs is not None else '-':>9}"
          f" {ratio:>6} <= {most}{' MISSED' if missed else ''}", flush=True)
    return missed


def run(bench):
    args, missed, figures = bench.args, [], {}
    only = args.only.split(",") if args.only else [r[0] for r in MEMORY + ROWS]
    print(f"{'':38} {'':9} {'hythe':>9} {'smbd':>9} {'ratio':>6}{'':14} {'server cpu us/unit':>17}  limits of the machine", flush=True)
    for key, text, number, command, most in MEMORY:
        if key not in only:
            continue
        count = getattr(args, number)
        figures[key] = memory_row(bench, command, count)
        if print_memory(f"{text}, of {count:,}", figures[key], most) or len(figures[key]) < len(bench.servers):
            missed.append(key)
    for key, text, command, unit, limits, least in ROWS:
        if key not in only:
            continue
        try:
            r = bench.row(command, unit)
        except RuntimeError as e:
            print(f"{text:38} {e}", flush=True)
            missed.append(key)
            continue
        bounds = bench.limits(limits)
        figures[key] = {"unit": unit, "limits": bounds, **r}
        if print_row(text, unit, r, bounds, least):
            missed.append(key)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(figures, f, indent=1)
    if missed:
        print("missed: " + ", ".join(missed))
    return 1 if missed else 0


def main():
    args = arguments()
    if os.geteuid() != 0 and args.server != "hythe":
        sys.exit("bench: smbd needs root; run as root, or with --server hythe")
    state = tempfile.mkdtemp(prefix="hythe-bench-")
    shm = tempfile.mkdtemp(prefix="hythe-bench-", dir="/dev/shm")
    os.chmod(state, 0o755)
    bench = Bench(args, state, shm)
    try:
        make_files(f"{shm}/share-tmpfs", args.file_mib, args.entries)
        bench.start()
        return run(bench)
    finally:
        bench.stop()
        shutil.rmtree(shm, ignore_errors=True)
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
