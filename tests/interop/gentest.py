#!/usr/bin/env python3
"""Samba's gentest, with seeds of our own, on two servers: random CREATEs, READs, WRITEs, locks and information levels, the same on both.

gentest ends at the first answer that differs, and knows of answers to ignore only where both are errors. So each segment of operations
runs again without the operation that differed where docs/differences.md explains it: gentest_rules.py says what is explained, and asks
about the request itself, which relays in front of the servers have seen. What is not explained is printed, and the exit status is 1.

usage: gentest.py [--survey] [--segment N] [--operations N] [--begin N] [--port P] --roots DIR DIR USER PASSWORD SHARE OURS THEIRS SEED...
                  [-- OPTION OF GENTEST...]
OURS and THEIRS are ports on 127.0.0.1, the roots what they serve. --survey goes on after differences that are not explained, --begin leaves out what comes before
that operation. With HISTORY
in the environment the requests before each are printed, too."""
import argparse
import collections
import os
import random
import re
import subprocess
import sys
import tempfile

from gentest_rules import RULES, explained
from relay import Relay

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT_S = 600
# Addresses of the relays: gentest takes one port for all servers.
OURS, THEIRS = "127.0.0.2", "127.0.0.3"
CHATTER = re.compile(r"seed|Connecting|Failed at|gentest|\d+$|Loaded|Deleted|OPEN|CLOSE|num_eas|Completed|$")


class Difference:
    """Where gentest ended: the number of the operation, its kind, the field that differs if it is not the status, both requests."""

    def __init__(self, output, here, there):
        failed = re.search(r"Failed at operation (\d+) - (\S+)", output)
        field = re.search(r"Mismatch in (\S+)(?: - (\S+) (\S+))?", output)
        self.number, self.kind = int(failed[1]), failed[2]
        self.field = field[1] if field else None
        self.values = (field[2], field[3]) if field else None
        self.said = " ".join(line for line in output.splitlines() if not CHATTER.match(line))
        self.before = [list(relay.last) for relay in (here, there)] if os.environ.get("HISTORY") else []
        self.ours, self.theirs, self.left, self.ended = here.last[-1], there.last[-1], there.left, there.ended
        self.opens, self.locked, self.events = here.opens, here.locked, here.events
        self.their_opens, self.doomed = there.opens, there.doomed

    def key(self):
        return "%s %s" % (self.kind, self.field or "%#x here, %#x there" % (self.ours.status or 0, self.theirs.status or 0))

    def __str__(self):
        out = "%s\n    %s\n    here:  %s\n    there: %s" % (self.key(), self.said, self.ours, self.theirs)
        for where, requests in zip(("here", "there"), self.before):
            out += "".join("\n    before, %s: %s" % (where, r) for r in requests)
        return out


class Comparison:
    def __init__(self, args):
        self.args = args
        self.relays = [Relay(OURS, args.port, ("127.0.0.1", args.ours), args.roots[0])]
        self.relays.append(Relay(THEIRS, self.relays[0].port, ("127.0.0.1", args.theirs), args.roots[1]))
        self.tally, self.unexplained, self.compared = collections.Counter(), collections.Counter(), 0

    def run(self, seeds):
        """None: no difference."""
        with tempfile.NamedTemporaryFile("w", suffix=".seeds") as f:
            f.write("".join("%d\n" % s for s in seeds))
            f.flush()
            who = "%s%%%s" % (self.args.user, self.args.password)
            command = ["gentest", "//%s/%s" % (OURS, self.args.share), "//%s/%s" % (THEIRS, self.args.share), "--smb2",
                       "--option=smb ports=%d" % self.relays[0].port, "-U", who, "--user1=" + who, "--user2=" + who, "--preset",
                       "--seedsfile=" + f.name, "--num-ops=%d" % len(seeds), "--ignore=" + os.path.join(HERE, "gentest.ignore")]
            for relay in self.relays:
                relay.forget()
            out = subprocess.run(command + self.args.options, capture_output=True, text=True, timeout=TIMEOUT_S, errors="replace")
        if "Failed at operation" in out.stdout:
            return Difference(out.stdout, *self.relays)
        if out.returncode != 0:
            sys.exit("gentest: %s%s" % (out.stdout[-2000:], out.stderr[-2000:]))
        return None

    def segment(self, seeds):
        """Whether every difference was explained."""
        while seeds:
            found = self.run(seeds)
            if not found:
                break
            why = explained(found)
            if why:
                self.tally[why] += 1
            else:
                if self.unexplained[found.key()] < 1 or not self.args.survey:
                    print("operation %d of %d: %s" % (found.number, len(seeds), found), flush=True)
                self.unexplained[found.key()] += 1
                if not self.args.survey:
                    return False
            del seeds[found.number]
        self.compared += len(seeds)
        return True

    def all(self):
        for seed in self.args.seeds:
            numbers = random.Random(seed)
            for done in range(0, self.args.operations, self.args.segment):
                seeds = [numbers.randrange(1 << 31) for _ in range(min(self.args.segment, self.args.operations - done))]
                if done >= self.args.begin and not self.segment(seeds):
                    print("seed %d, operations from %d" % (seed, done))
                    return False
        return not self.unexplained


def check_rules():
    with open(os.path.join(HERE, "..", "..", "docs", "differences.md"), encoding="utf-8") as f:
        text = f.read()
    missing = {heading for heading, _, _ in RULES if "**%s" % heading not in text}
    if missing:
        sys.exit("docs/differences.md does not explain: " + "; ".join(sorted(missing)))


def main():
    check_rules()
    options = sys.argv[sys.argv.index("--") + 1:] if "--" in sys.argv else []
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--survey", action="store_true")
    p.add_argument("--segment", type=int, default=100)
    p.add_argument("--operations", type=int, default=10000)
    p.add_argument("--begin", type=int, default=0)
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--roots", nargs=2, required=True)
    for name, kind in ("user", str), ("password", str), ("share", str), ("ours", int), ("theirs", int):
        p.add_argument(name, type=kind)
    p.add_argument("seeds", type=int, nargs="+")
    args = p.parse_args(sys.argv[1:len(sys.argv) - len(options) - bool("--" in sys.argv)])
    args.options = options
    comparison = Comparison(args)
    same = comparison.all()
    for why, count in comparison.tally.most_common():
        print("%5d explained: %s" % (count, why))
    for what, count in comparison.unexplained.most_common():
        print("%5d NOT EXPLAINED: %s" % (count, what))
    print("%d operations with the same answers, %d with explained ones" % (comparison.compared, sum(comparison.tally.values())))
    return 0 if same else 1


sys.exit(main())
