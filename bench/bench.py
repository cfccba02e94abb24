#!/usr/bin/env python3
"""Hythe beside Debian's smbd on the same machine, the same files and the same client: `make bench [ARGS=--quick]`.

Every row of rows.py is measured in turns (hythe, smbd, hythe, smbd, ...). A ratio is the median of those of the pairs, with its quartiles; rates and
processor time are medians. The load comes from bench/load over Hythe's own client library; both servers negotiate SMB 3.1.1 with
AES-128-GMAC to sign and AES-128-GCM (or CCM) to seal, which the load generator insists on. smbd runs with bench/smbd-tuned.conf, its
measured best. Files lie on /dev/shm. `cpu` is the server's processor time for one unit of work; memory is PSS, of servers that have
done nothing before. Rows at depth 1 run with load and server on one core. The rows get to put-r compare clients, hythe and smbclient, on the
same server; `cpu` is theirs. The limits are those of the machine without any server; some rows have their messages exchanged by bare ends as
well (bench/bare.c), which tells what no server could beat. report.py makes the table and the plot of
docs/performance.md from what --json writes. Needs root, as smbd does."""
import argparse
import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import clients
import peers
import report
from peers import Failed
from rows import ROWS

HERE = os.path.dirname(os.path.abspath(__file__))
CORE = 0  # of the rows that are pinned
NAME = "file-{:06}.dat"  # BENCH_NAME of src/cli/bench.h
LOAD_PROCESS_MOST = 2500  # connections of one load generator, for its descriptors
GROW_SAMPLES = 5


def spread(values):
    values = list(values)
    q = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": statistics.median(values), "q1": q[0], "q3": q[2], "runs": values}


def work_of(row, r):
    return r["bytes"] / 1e6 if row.unit == "MB/s" else r["ops"]


def fill(directory, count, first=0):
    os.makedirs(directory, exist_ok=True)
    for i in range(first, count):
        os.close(os.open(f"{directory}/" + NAME.format(i), os.O_CREAT | os.O_WRONLY, 0o644))


def make_files(root, args):
    os.makedirs(root)
    os.mkdir(f"{root}/new")
    block = os.urandom(1 << 20)
    with open(f"{root}/big", "wb") as f:
        for _ in range(args.file_mib):
            f.write(block)
    fill(f"{root}/some", 2000)
    fill(f"{root}/many", args.entries)
    os.mkdir(f"{root}/small")
    for i in range(1000):
        with open(f"{root}/small/" + NAME.format(i), "wb") as f:
            f.write(block[:4096])


class Bench:
    def __init__(self, args, state, shm):
        self.args, self.state, self.shm = args, state, shm
        self.root = f"{shm}/share-tmpfs"
        self.user = getpass.getuser()
        self.results = {}  # of the limits
        self.servers = []
        self.grown = 0

    def start(self):
        if self.args.server != "smbd":
            self.servers.append(peers.start_hythe(self.args.build, self.state, self.shm, self.user))
        if self.args.server != "hythe":
            self.servers.append(peers.start_smbd(self.state, self.shm, self.user))

    def stop(self):
        while self.servers:
            self.servers.pop().stop()

    def load(self, *more, pinned=False):
        a = self.args
        command = [f"{a.build}/bench/load", "--seconds", str(a.seconds), "--file-mib", str(a.file_mib), *more]
        p = subprocess.run(command, env=dict(os.environ, HYTHE_PASSWORD=peers.PASSWORD), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           preexec_fn=(lambda: os.sched_setaffinity(0, {CORE})) if pinned else None)
        if p.returncode != 0:
            raise Failed(p.stderr.strip() or f"load ended with {p.returncode}")
        return json.loads(p.stdout)

    def target(self, server):
        return ["--port", str(server.port), "--share", server.share, "--user", self.user]

    def names(self, row):
        """How many there are to choose from."""
        return ["--names", str(self.args.entries)] if "many" in row.load else []

    def measure(self, server, row, *more):
        """One run: {rate, cpu_us, latency_us, ...}."""
        before = peers.cpu_seconds(server.pid)
        r = self.load(*self.target(server), "--file", "big", *row.load, *self.names(row), *more, pinned=row.pinned)
        time.sleep(0.05)
        cpu = peers.cpu_seconds(server.pid) - before
        work = work_of(row, r)
        if not work:
            raise Failed(f"{server.name} has done nothing in {r['seconds']:.1f} s")
        return r | {"rate": work / r["seconds"], "cpu_us": cpu / work * 1e6}

    def measure_bare(self, row, test, file="big"):
        """One run of the row's messages with nothing of SMB in them; of arguments that are there twice the last counts."""
        r = self.load(*row.load, "--test", test, "--file", os.path.join(self.root, file), "--dir", f"{self.root}/new", pinned=row.pinned)
        work = work_of(row, r)
        return {"rate": work / r["seconds"], "cpu_us": r["server_cpu"] / work * 1e6}

    def row_load(self, row):
        """In turns; {name: [runs]}, and those of the bare ends, if the row has any, as "bare" and "least"."""
        ends = {name: test for name, test in (("bare", row.bare), ("least", row.least)) if test}
        runs = {name: [] for name in [s.name for s in self.servers] + list(ends)}
        for s in self.servers:
            peers.pin(s.pid, {CORE} if row.pinned else set(range(os.cpu_count())))
        try:
            for _ in range(self.args.rounds):
                for s in self.servers:
                    runs[s.name].append(self.measure(s, row))
                for name, test in ends.items():
                    runs[name].append(self.measure_bare(row, test))
        finally:
            for s in self.servers:
                peers.pin(s.pid, set(range(os.cpu_count())))
        return runs

    def grow_sampled(self, server, row):
        """What creating them all would take, from rates at some sizes of the directory: between those the time for one file is a line."""
        total, samples = self.args.files, []
        for i in range(GROW_SAMPLES):
            name, have = self.new_directory(), total * i // (GROW_SAMPLES - 1)
            fill(f"{self.root}/{name}", have)
            samples.append(self.measure(server, row, "--dir", name, "--names", str(have)))
            shutil.rmtree(f"{self.root}/{name}")

        def mean(values):
            return sum((a + b) / 2 for a, b in zip(values, values[1:])) / (len(values) - 1)

        one = mean([1 / s["rate"] for s in samples])
        return {"rate": 1 / one, "cpu_us": mean([s["cpu_us"] for s in samples]), "latency_us": samples[-1]["latency_us"], "estimated": True,
                "last_to_first": samples[-1]["rate"] / samples[0]["rate"]}

    def new_directory(self):
        self.grown += 1
        os.mkdir(f"{self.root}/grow-{self.grown}")
        return f"grow-{self.grown}"

    def row_grow(self, row):
        """All of the files if they are there in time, and samples of a server for which they are not."""
        total, runs, slow = self.args.files, {s.name: [] for s in self.servers}, set()
        for _ in range(min(self.args.rounds, 3)):
            for s in self.servers:
                if s.name not in slow:
                    name = self.new_directory()
                    r = self.measure(s, row, "--dir", name, "--names", "0", "--limit", str(total), "--seconds", str(self.args.grow_seconds))
                    shutil.rmtree(f"{self.root}/{name}")
                    if r["ops"] == total:
                        runs[s.name].append(r | {"last_to_first": r["first_s"] / r["last_s"]})
                        continue
                    slow.add(s.name)
                runs[s.name].append(self.grow_sampled(s, row))
        return runs

    def row_client(self, row):
        server = self.servers[-1]
        c = clients.Clients(self, server)
        c.prepare(row.key)
        runs = {name: [] for name in ["hythe", "smbclient"] + ["bare"] * bool(row.bare)}
        for _ in range(self.args.rounds):
            for name, of_it in runs.items():
                of_it.append(self.measure_bare(row, row.bare, f"{c.local}/one") if name == "bare" else c.measure(name, row.key))
        return runs

    def hold(self, server, row, count, holders):
        command = [f"{self.args.build}/bench/load", *row.load, "--count", str(count), "--protect", "signed", *self.target(server)]
        p = subprocess.Popen(command, env=dict(os.environ, HYTHE_PASSWORD=peers.PASSWORD), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        holders.append(p)
        if p.stdout.readline().strip() != "ready":
            raise Failed(p.stderr.read().strip())

    def held(self, server, row, count):
        """KiB of PSS for one more of what load holds. One is held before, for PSS divides the pages of libraries that load uses as well."""
        holders, left, processes = [], count, len(peers.process_tree(server.pid))
        try:
            self.hold(server, row, 1, holders)
            before = peers.pss_kib(server.pid)
            while left > 0:
                n = min(left, LOAD_PROCESS_MOST) if "hold-connections" in row.load else left
                left -= n
                self.hold(server, row, n, holders)
            time.sleep(1)
            return (peers.pss_kib(server.pid) - before) / count
        finally:
            for p in holders:
                p.communicate()
            # What ends slowly must not disturb the next row.
            for _ in range(300):
                if len(peers.process_tree(server.pid)) <= processes:
                    break
                time.sleep(0.1)

    def memory(self, row):
        """On servers that have done nothing before, for memory that was freed would not count."""
        found = {}
        self.stop()
        self.start()
        for s in self.servers:
            if row.alone and s.name != "hythe":
                continue
            if row.kind == "fresh":
                found[s.name] = peers.pss_kib(s.pid)
            elif row.kind == "after":
                found[s.name] = self.after(s)
            else:
                found[s.name] = self.held(s, row, getattr(self.args, row.number))
        return found

    def after(self, server):
        """How many times what it was before, ten seconds after a load of every kind."""
        fresh = peers.pss_kib(server.pid)
        self.held(server, next(r for r in ROWS if r.key == "idle"), self.args.sessions)
        for more in (["--test", "write", "--protect", "sealed", "--depth", "8", "--connections", "8"], ["--test", "list", "--dir", "many"],
                     ["--test", "create-write-delete", "--dir", "new", "--connections", "8", "--depth", "16"]):
            self.load(*self.target(server), "--file", "big", *more)
        time.sleep(10)
        return peers.pss_kib(server.pid) / fresh

    def limits(self, names):
        place = {"limit-open": "small", "limit-create": "new", "limit-list": "many", "limit-copy": "new"}
        for name in names:
            if name not in self.results:
                r = self.load("--test", name, "--file", f"{self.root}/big", "--dir", f"{self.root}/{place.get(name, '')}")
                big = name in report.STREAMS
                self.results[name] = (r["bytes"] / 1e6 if big else r["ops"]) / r["seconds"]
        return {n: self.results[n] for n in names}


def side(runs):
    """What is kept of one side's runs."""
    if not runs:
        return None
    s = {"rate": spread(r["rate"] for r in runs), "cpu_us": spread(r["cpu_us"] for r in runs)}
    if "latency_us" in runs[0]:
        s["latency_us"] = [statistics.median(r["latency_us"][i] for r in runs) for i in range(4)]  # p50, p95, p99, max
    if "last_to_first" in runs[0]:
        s["last_to_first"] = statistics.median(r["last_to_first"] for r in runs)
        s["estimated"] = any(r.get("estimated") for r in runs)
    return s


def compared(row, runs, figures):
    """The row's figures from {name: [runs]}."""
    peer = next((n for n in runs if n != "hythe"), None)
    f = {"ours": side(runs.get("hythe")), "theirs": side(runs.get(peer)), "peer": peer, "missed": []}
    if f["ours"] and f["theirs"]:
        pairs = list(zip(runs["hythe"], runs[peer]))
        f["ratio"] = spread(a["rate"] / b["rate"] for a, b in pairs)
        ours, theirs = f["ours"]["cpu_us"]["median"], f["theirs"]["cpu_us"]["median"]
        f["cpu_ratio"] = theirs / ours if ours else None
        if row.rate and f["ratio"]["median"] < row.rate:
            f["missed"].append(f"rate {f['ratio']['median']:.3g} of {row.rate:g}")
        if row.cpu and f["cpu_ratio"] is not None and f["cpu_ratio"] < row.cpu:
            f["missed"].append(f"cpu {f['cpu_ratio']:.3g} of {row.cpu:g}")
    if row.key == "grow" and f["ours"] and f["ours"]["last_to_first"] < 0.8:
        f["missed"].append(f"the last thousand is made at {f['ours']['last_to_first']:.2f} of the rate of the first")
    exact = figures.get("open-exact", {}).get("ours")
    if row.key in ("open-case", "open-missing") and exact and f["ours"] and exact["rate"]["median"] > 1.5 * f["ours"]["rate"]["median"]:
        f["missed"].append(f"{exact['rate']['median'] / f['ours']['rate']['median']:.1f} times as slow as by the exact name")
    return f


def remembered(row, found, asked):
    """The same of memory."""
    f = {"ours": found.get("hythe"), "theirs": found.get("smbd"), "peer": "smbd", "missed": []}
    if f["ours"] and f["theirs"] and row.kind != "after":
        f["ratio"] = {"median": f["theirs"] / f["ours"]}
    if row.most and f["ours"] is not None and f["ours"] > row.most:
        f["missed"].append(f"{report.short(f['ours'])} {row.unit}, more than {row.most}")
    if len(found) < asked:
        f["missed"].append("not measured")
    return f


def run_row(bench, row, figures):
    bare = least = None
    if row.kind in ("fresh", "after", "held"):
        found = bench.memory(row)
        f = remembered(row, found, 1 if row.alone else len(bench.servers))
    else:
        runs = {"grow": bench.row_grow, "client": bench.row_client}.get(row.kind, bench.row_load)(row)
        bare, least = side(runs.pop("bare", None)), side(runs.pop("least", None))
        f = compared(row, runs, figures)
    f |= {"text": row.text, "unit": row.unit, "kind": row.kind, "promised": {"rate": row.rate, "cpu": row.cpu, "most": row.most},
          "limits": bench.limits(row.limits), "bare": bare, "least": least, "pinned": row.pinned,
          "count": getattr(bench.args, row.number) if row.number else 0}
    return f


def run(bench):
    args, missed = bench.args, []
    out = {"about": report.about(args), "rows": {}}
    print(report.HEADER, flush=True)
    for row in ROWS:
        if args.rows and row.key not in args.rows:
            continue
        if row.alone and args.server == "smbd" or row.kind == "client" and not shutil.which("smbclient"):
            continue
        try:
            f = run_row(bench, row, out["rows"])
        except Failed as e:
            f = {"text": row.text, "unit": row.unit, "kind": row.kind, "failed": str(e), "missed": ["failed"]}
        out["rows"][row.key] = f
        print(report.line(row.key, f), flush=True)
        if f["missed"]:
            missed.append(row.key)
        if args.json:
            with open(args.json, "w") as file:
                json.dump(out, file, indent=1)
    if args.report:
        report.write(out)
    if missed:
        print("missed: " + ", ".join(missed))
    return 1 if missed else 0


def arguments():
    a = argparse.ArgumentParser(description="Measures hythe beside smbd.")
    a.add_argument("--build", default=f"{HERE}/../build/bench", help="directory of the build")
    a.add_argument("--quick", action="store_true", help="some minutes: short runs, 20,000 entries, 200 idle sessions")
    a.add_argument("--rows", "--only", help="rows, by comma; a * at the end stands for anything: " + ", ".join(r.key for r in ROWS))
    a.add_argument("--server", choices=("hythe", "smbd"), help="one server alone")
    a.add_argument("--seconds", type=float, help="of one run")
    a.add_argument("--rounds", type=int, help="runs of each server for one row")
    a.add_argument("--json", help="file for the figures")
    a.add_argument("--report", action="store_true", help="write the table and the plot of docs/performance.md")
    args = a.parse_args()
    if args.rows:
        wanted = args.rows.split(",")
        args.rows = {r.key for r in ROWS for w in wanted if r.key == w or w.endswith("*") and r.key.startswith(w[:-1])}
        unknown = [w for w in wanted if not any(r.key == w or w.endswith("*") and r.key.startswith(w[:-1]) for r in ROWS)]
        if unknown:
            a.error("no such row: " + ", ".join(unknown))
    quick = args.quick
    args.build = os.path.abspath(args.build)
    args.seconds = args.seconds or (0.7 if quick else 2.0)
    args.rounds = args.rounds or (2 if quick else 5)
    args.file_mib = 64 if quick else 256
    args.entries = 20000 if quick else 100000
    args.files = 10000 if quick else 50000
    args.grow_seconds = 3 if quick else 20
    args.sessions = 200 if quick else 1000
    args.crowd = 2000 if quick else 10000
    args.shared = 200 if quick else 500
    args.opens = 2000 if quick else 10000
    args.copy_mib = 128 if quick else 1024
    args.copy_files = 1000 if quick else 10000
    return args


def main():
    args = arguments()
    if os.geteuid() != 0 and args.server != "hythe":
        sys.exit("bench: smbd needs root; run as root, or with --server hythe")
    state = tempfile.mkdtemp(prefix="hythe-bench-")
    shm = tempfile.mkdtemp(prefix="hythe-bench-", dir="/dev/shm")
    os.chmod(state, 0o755)
    bench = Bench(args, state, shm)
    try:
        make_files(bench.root, args)
        bench.start()
        return run(bench)
    finally:
        bench.stop()
        shutil.rmtree(shm, ignore_errors=True)
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
