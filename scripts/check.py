#!/usr/bin/env python3
"""`make check`: everything that must hold of a commit, in parts. Called as check.py [PART...]; no part: all of them.

  lint     the lints of scripts/lint, the ledgers, the README's table
  build    gcc with all warnings as errors
  clang    the same with clang
  unit     all suites (unit, prop, sim, vectors) in the gcc build
  asan     the same suites under the address and undefined-behaviour sanitizers
  tsan     the simulator, the threaded soak and other clients all at once (tests/interop/mix.sh) under the thread sanitizer
  trained  the build that `make install` installs, which interop and torture test
  interop  other clients against our server, our client against smbd (tests/interop/run.sh)
  torture  the smbtorture tests that tests/ledger/smbtorture.csv says pass (needs ../shared)
  hostile  floods of frames, silent peers, kill -9, a full disk (tests/hostile/run.sh)
  ledger   every test that the inventory ledger names ran and passed in the parts above

The last line is `N passed, N failed` (and `, N skipped`); the exit status is 0 when nothing failed. HYTHE_SHARED names the directory
with the material that is not in the repository (default ../shared), HYTHE_JOBS the number of processes."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
RESULTS = os.path.join(BUILD, "results")
SHARED = os.path.abspath(os.environ.get("HYTHE_SHARED") or os.path.join(ROOT, "../shared"))
JOBS = os.environ.get("HYTHE_JOBS") or str(os.cpu_count() or 2)
SUITES = ["unit", "prop", "sim", "vectors"]
THREADED = ["sim"]
MIX_SECONDS = os.environ.get("HYTHE_MIX_SECONDS") or "20"
SOAK_SECONDS = os.environ.get("HYTHE_SOAK_SECONDS") or "60"
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=98:second_deadlock_stack=1",
}
passed, failed, skipped = [], [], []
reasons = {}  # {case: the last lines it printed}


def say(text=""):
    print(text, flush=True)


def record(part, results):
    """results: {case: pass|fail|skip}; kept for the ledger."""
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, part + ".json"), "w") as f:
        json.dump(results, f, indent=0)
    for case, verdict in results.items():
        {"pass": passed, "fail": failed, "skip": skipped}[verdict].append(f"{part}: {case}")
    count = {v: sum(1 for x in results.values() if x == v) for v in ("pass", "fail", "skip")}
    say(f"{part}: {count['pass']} passed, {count['fail']} failed" + (f", {count['skip']} skipped" if count["skip"] else ""))


def run(cmd, quiet=True, env=None, timeout=None):
    """-> (status, output); with quiet=False the output is shown as it comes."""
    full = dict(os.environ, HYTHE_SHARED=SHARED, **(env or {}))
    p = subprocess.Popen(cmd, cwd=ROOT, env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, errors="replace")
    lines, deadline = [], time.monotonic() + timeout if timeout else None
    for line in p.stdout:
        lines.append(line)
        if not quiet:
            sys.stdout.write(line)
            sys.stdout.flush()
        if deadline and time.monotonic() > deadline:
            p.terminate()
            lines.append(f"stopped after {timeout} s\n")
            break
    return p.wait(), "".join(lines)


def build(name, options, env=None):
    """Sets up build/NAME if need be and builds it."""
    where = os.path.join(BUILD, name)
    if not os.path.exists(os.path.join(where, "build.ninja")):
        status, out = run(["meson", "setup", where, *options], env=env)
        if status:
            say(out)
            return False
    status, out = run(["ninja", "-C", where, "-j", JOBS])
    if status:
        show = [line for line in out.splitlines() if not re.match(r"\[\d+/\d+\]|(gcc|clang) ", line)]
        say("\n".join(show[:80]))
    return status == 0


CMOCKA = re.compile(r"^\[\s+(OK|FAILED|SKIPPED)\s+\] (\S+)$", re.M)


def cases_of(test):
    """A row of meson's testlog.json -> {case: verdict}."""
    name = test["name"].split(" / ")[-1].split(":")[-1]
    text = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    verdicts = {"OK": "pass", "FAILED": "fail", "SKIPPED": "skip"}
    cases = {f"{name}/{case}": verdicts[v] for v, case in CMOCKA.findall(text)}
    cases.update({f"{name}/{case}": verdict for case, verdict in tap(text).items()})
    if test["result"] == "SKIP":
        cases = cases or {name: "skip"}
    elif test["result"] not in ("OK", "EXPECTEDFAIL"):
        if "fail" not in cases.values():
            case = f"{name} ({test['result'].lower()})"
            cases[case] = "fail"
            reasons[case] = text.strip().splitlines()[-8:]
        say(f"--- {name}: {test['result']}")
        say("\n".join(text.strip().splitlines()[-40:]))
    return cases or {name: "pass"}


def meson_test(part, where, suites, multiplier=1, env=None, wrapper=None):
    cmd = ["meson", "test", "-C", os.path.join(BUILD, where), "--no-rebuild", "--num-processes", JOBS, "--logbase", part,
           "-t", str(multiplier)]
    for s in suites:
        cmd += ["--suite", s]
    if wrapper:
        cmd += ["--wrapper", wrapper]
    logs = os.path.join(BUILD, where, "meson-logs")
    if os.path.isdir(logs):
        for old in os.listdir(logs):
            if old.startswith(part) and old.endswith(".json"):
                os.remove(os.path.join(logs, old))
    status, out = run(cmd, env=env)
    results = {}
    for log in [f for f in (os.listdir(logs) if os.path.isdir(logs) else []) if f.startswith(part) and f.endswith(".json")]:
        with open(os.path.join(logs, log)) as f:
            for line in f:
                results.update(cases_of(json.loads(line)))
    if not results:
        if "No suitable tests" in out:
            results = {"no tests in " + " ".join(suites): "skip"}
        else:
            say(out)
            results = {"meson test": "fail"}
    record(part, results)


def tap(out):
    """`ok NAME`, `not ok NAME`, `ok NAME # skip WHY` -> {case: verdict}."""
    results = {}
    for m in re.finditer(r"^(not ok|ok) (\S+)(.*)$", out, re.M):
        verdict = "fail" if m.group(1) == "not ok" else "skip" if "# skip" in m.group(3) else "pass"
        results[m.group(2)] = verdict
    return results


def scripted(part, cmd, timeout, where="check"):
    """A script that prints ok and not ok lines; HYTHE names the command under test, HYTHE_TESTS the test programs, which the trained build has not."""
    tests = os.path.join(BUILD, "check" if where == "trained" else where, "tests")
    status, out = run(cmd, quiet=False, env={"HYTHE": os.path.join(BUILD, where, "src/cli/hythe"), "HYTHE_TESTS": tests}, timeout=timeout)
    results = tap(out)
    if status and "fail" not in results.values():
        results[f"{os.path.basename(cmd[1])} (status {status})"] = "fail"
    record(part, results)


def part_lint():
    results = {}
    lints = sorted(f for f in os.listdir(os.path.join(ROOT, "scripts/lint")) if f.endswith(".py") and f != "source.py")
    cmds = {f[:-3]: [sys.executable, "-B", os.path.join("scripts/lint", f)] for f in lints}
    cmds["ledger"] = [sys.executable, "-B", "scripts/ledger.py", "check"]
    cmds["manual"] = [sys.executable, "-B", "scripts/conf_man.py", "check"]
    cmds["readme"] = [sys.executable, "-B", "scripts/readme.py", "check"]
    for name, cmd in cmds.items():
        status, out = run(cmd)
        results[name] = "fail" if status else "pass"
        say(out.rstrip())
    record("lint", results)


SANITIZED = ["-Dtests=true", "-Db_lundef=false", "-Doptimization=1"]


def build_check():
    return build("check", ["-Dtests=true"], {"CC": "gcc"})


def part_build():
    record("build", {"gcc": "pass" if build_check() else "fail"})


def part_clang():
    record("clang", {"clang": "pass" if build("clang", ["-Dtests=true"], {"CC": "clang"}) else "fail"})


def part_unit():
    if build_check():
        meson_test("unit", "check", SUITES)
    else:
        record("unit", {"build": "fail"})


def part_asan():
    # Without libipsec-mb, which is not instrumented: what takes its place elsewhere is tested here.
    if build("asan", [*SANITIZED, "-Db_sanitize=address,undefined", "-Dipsec-mb=disabled"], {"CC": "gcc"}):
        meson_test("asan", "asan", SUITES, 4, SANITIZER_ENV)
    else:
        record("asan", {"build": "fail"})


def tsan_wrapper():
    """The thread sanitizer dislikes wide address randomisation: '' when it runs as it is, a wrapper, or None when it cannot."""
    with tempfile.TemporaryDirectory() as d:
        src = os.path.join(d, "t.c")
        with open(src, "w") as f:
            f.write("int main(void) { return 0; }\n")
        if run(["gcc", "-fsanitize=thread", src, "-o", os.path.join(d, "t")])[0]:
            return None
        for wrapper in ([], ["setarch", "-R"]):
            if shutil.which((wrapper + ["true"])[0]) and run([*wrapper, os.path.join(d, "t")])[0] == 0:
                return " ".join(wrapper)
    return None


def part_tsan():
    wrapper = tsan_wrapper()
    if wrapper is None:
        say("tsan: the thread sanitizer does not run on this system")
        record("tsan", {"tsan": "skip"})
    elif build("tsan", [*SANITIZED, "-Db_sanitize=thread"], {"CC": "gcc"}):
        meson_test("tsan", "tsan", THREADED, 8, dict(SANITIZER_ENV, HYTHE_SOAK_SECONDS=SOAK_SECONDS), wrapper)
        scripted("mix", ["bash", "tests/interop/mix.sh", MIX_SECONDS], 600 + int(MIX_SECONDS), "tsan")
    else:
        record("tsan", {"build": "fail"})


def build_trained():
    status, out = run([sys.executable, "-B", "scripts/trained.py", "build/trained"])
    if status:
        say(out)
    return status == 0


def part_trained():
    record("trained", {"gcc": "pass" if build_trained() else "fail"})


def part_interop():
    if build_check() and build_trained():
        scripted("interop", ["bash", "tests/interop/run.sh"], 1200, "trained")
    else:
        record("interop", {"build": "fail"})


def part_torture():
    if not os.path.exists(os.path.join(SHARED, "conformance/torture.py")):
        say(f"torture: {SHARED}/conformance is not there; the smbtorture tests are skipped")
        record("torture", {"smbtorture": "skip"})
    elif build_trained():
        scripted("torture", ["bash", "tests/interop/torture.sh"], 900, "trained")
    else:
        record("torture", {"build": "fail"})


def part_hostile():
    if build_check():
        scripted("hostile", ["bash", "tests/hostile/run.sh"], 900)
    else:
        record("hostile", {"build": "fail"})


def part_ledger():
    files = [os.path.join(RESULTS, p + ".json") for p in ("unit", "interop")]
    have = [f for f in files if os.path.exists(f)]
    status, out = run([sys.executable, "-B", "scripts/ledger.py", "check", *have])
    say(out.rstrip())
    record("ledger", {"inventory": "fail" if status else "pass"})


PARTS = {"lint": part_lint, "build": part_build, "clang": part_clang, "unit": part_unit, "asan": part_asan, "tsan": part_tsan,
         "trained": part_trained, "interop": part_interop, "torture": part_torture, "hostile": part_hostile, "ledger": part_ledger}


def main(argv):
    unknown = [a for a in argv if a not in PARTS]
    if unknown:
        say(f"check.py: unknown part {', '.join(unknown)}; known: {' '.join(PARTS)}")
        return 2
    if not os.path.isdir(SHARED):
        say(f"{SHARED} is not there: tests that need its captures and its conformance suite are skipped.")
    for name in argv or PARTS:
        begin = time.monotonic()
        say(f"=== {name}")
        PARTS[name]()
        say(f"    ({time.monotonic() - begin:.0f} s)")
    say()
    for f in failed:
        say("\n    ".join([f"failed  {f}"] + reasons.get(f.split(": ", 1)[1], [])))
    say(f"{len(passed)} passed, {len(failed)} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
