#!/usr/bin/env python3
"""trained.py BUILD [MESON OPTION]...: a release in BUILD that the compiler has seen at work. gcc builds it once with counters, `hythe serve` and
`hythe bench` run with them for half a minute, and gcc builds it again, all files as one program, knowing which way its branches go: what requests
pass through lies together, and takes a tenth to a quarter less processor time. Nothing is done as long as sources, options and compiler are the same.
TRAIN=no, and any other compiler, leave it at a plain release."""
import getpass
import hashlib
import os
import secrets
import shlex
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, f"{ROOT}/bench")
import peers  # noqa: E402

OPTIONS = ["--buildtype=release", "-Dwerror=false", "-Dtests=false"]
# Arguments of `hythe bench`, and how long each test runs: what is slow runs for longer, so that it counts as much as what is quick.
SIGNED, SEALED, PLAIN = ["--sign", "required"], ["--encrypt"], ["--sign", "optional"]
LESSONS = [
    (4, [*PLAIN, "--test", "metadata"]),
    (1, [*PLAIN, "--test", "metadata", "--depth", "1"]),
    (1, [*PLAIN, "--test", "metadata", "--connections", "4"]),
    (1, [*SIGNED, "--test", "metadata,random"]),
    (0.5, [*SEALED, "--test", "metadata,random"]),
    (0.5, [*PLAIN, "--test", "random,echo,listing,logins"]),
    (0.3, [*PLAIN, "--test", "read,write"]),
    (0.3, [*PLAIN, "--test", "read,write", "--block-size", "64K"]),
    (0.3, [*SIGNED, "--test", "read,write,listing,logins,echo"]),
    (0.3, [*SEALED, "--test", "read,write,listing,echo"]),
    (0.3, [*SIGNED, "--dialect", "3.0.2", "--test", "read,write,random,metadata"]),
    (0.3, [*SEALED, "--dialect", "3.0.2", "--test", "read,write,random,metadata"]),
    (0.3, [*SIGNED, "--dialect", "2.1", "--test", "read,write,random,metadata"]),
]
COPIED_FILES, COPIED_BYTES = 3000, 4096


def run(command, **more):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", stdin=subprocess.DEVNULL, **more)
    if p.returncode:
        sys.exit(f"trained.py: {' '.join(command)} failed:\n{p.stdout[-4000:]}")
    return p.stdout


def sources(options):
    """A sum over everything that the build depends on."""
    h = hashlib.sha256(" ".join(options).encode())
    places = [f"{ROOT}/{d}" for d in ("src", "include", "bench")]
    files = [os.path.join(d, f) for place in places for d, _, names in os.walk(place) for f in names if not f.endswith(".pyc")]
    for name in sorted([*files, f"{ROOT}/meson.build", f"{ROOT}/meson_options.txt", __file__]):
        with open(name, "rb") as f:
            h.update(name.encode() + b"\0" + hashlib.sha256(f.read()).digest())
    return h.hexdigest()


def forget_lessons(build):
    for d, _, names in os.walk(build):
        for name in names:
            if name.endswith(".gcda"):
                os.unlink(os.path.join(d, name))


def copy_trees(hythe, url, work, env):
    os.makedirs(f"{work}/tree/sub")
    for i in range(COPIED_FILES):
        with open(f"{work}/tree/{'sub/' if i % 2 else ''}file-{i}", "wb") as f:
            f.write(os.urandom(COPIED_BYTES))
    with open(f"{work}/large", "wb") as f:
        f.write(os.urandom(1 << 20) * 64)
    for command in (["put", "-r", f"{work}/tree", f"{url}/"], ["get", "-r", f"{url}/tree", f"{work}/back"], ["tree", f"{url}/tree"],
                    ["put", f"{work}/large", f"{url}/"], ["get", f"{url}/large", f"{work}/large-back"], ["rm", "-r", f"{url}/tree"]):
        run([hythe, *command], env=env)


def train(build):
    user = getpass.getuser()
    peers.PASSWORD = secrets.token_hex(16)  # whoever else is on this machine has no business in it
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="hythe-train-") as state, tempfile.TemporaryDirectory(prefix="hythe-train-", dir=shm) as share:
        os.mkdir(f"{share}/share-tmpfs")
        env = dict(os.environ, HYTHE_PASSWORD=peers.PASSWORD)
        hythe = f"{build}/src/cli/hythe"
        server = peers.start_hythe(build, state, share, user)
        try:
            url = f"smb://{user}@127.0.0.1:{server.port}/{server.share}"
            for seconds, lesson in LESSONS:
                run([hythe, "bench", "--quiet", "--size", "64M", "--duration", str(seconds), *lesson, url], env=env)
            copy_trees(hythe, url, state, env)
        finally:
            server.stop()


def compiler():
    """What it defines, its version among that."""
    return run([*shlex.split(os.environ.get("CC", "cc")), "-dM", "-E", "-x", "c", "/dev/null"])


def configure(build, options):
    if os.path.exists(f"{build}/build.ninja"):
        run(["meson", "configure", build, *options])
    else:
        run(["meson", "setup", build, *OPTIONS, *options], cwd=ROOT)


def main():
    build, options = os.path.abspath(sys.argv[1]), sys.argv[2:]
    defined, trains = compiler(), os.environ.get("TRAIN", "yes")
    stamp, now = f"{build}/trained", sources([*options, defined, trains])
    if os.path.exists(stamp):
        with open(stamp) as f:
            if f.read() == now:
                return
        os.unlink(stamp)
    configure(build, options)
    if trains == "no" or "__GNUC__" not in defined or "__clang__" in defined:
        configure(build, ["-Db_pgo=off", "-Db_lto=false"])
        run(["ninja", "-C", build])
    else:
        print("building a release, 1 of 3: with counters", flush=True)
        forget_lessons(build)
        configure(build, ["-Db_pgo=generate", "-Db_lto=true"])
        run(["ninja", "-C", build])
        print("building a release, 2 of 3: at work for half a minute (TRAIN=no goes without)", flush=True)
        train(build)
        print("building a release, 3 of 3: as it is installed", flush=True)
        configure(build, ["-Db_pgo=use"])
        run(["ninja", "-C", build])
    with open(stamp, "w") as f:
        f.write(now)


if __name__ == "__main__":
    main()
