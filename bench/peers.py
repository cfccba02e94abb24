"""The servers that `make bench` compares, each on a port of its own, and what they cost: processor time from /proc/PID/stat of the
server and all its children, memory as their PSS."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "bench-Passw0rd"
TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A row could not be measured."""


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


def pin(pid, cores):
    """All threads of the tree; processes that are forked later inherit it."""
    for p in process_tree(pid):
        try:
            for thread in os.listdir(f"/proc/{p}/task"):
                os.sched_setaffinity(int(thread), cores)
        except OSError:
            pass


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
        self.name, self.share, self.process, self.port = name, share, None, free_port()

    @property
    def pid(self):
        return self.process.pid

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


def smbd_program():
    return shutil.which("smbd") or "/usr/sbin/smbd"


def start_smbd(state, shm, user):
    s = Server("smbd", "tmpfs")
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
    s.start([smbd_program(), "--foreground", "--no-process-group", "-s", conf], f"{state}/smbd.out")
    return s


def start_hythe(build, state, shm, user):
    s = Server("hythe", "bench")
    os.makedirs(f"{state}/hythe", exist_ok=True)
    conf = f"{state}/hythe.conf"
    with open(conf, "w") as f:
        f.write(f"[server]\nlisten = 127.0.0.1:{s.port}\nstate = {state}/hythe\nsigning = enabled\nencryption = off\n"
                f"[share bench]\npath = {shm}/share-tmpfs\n")
    s.start([f"{build}/src/cli/hythe", "serve", "--config", conf, "--user", user], f"{state}/hythe.out",
            env=dict(os.environ, HYTHE_PASSWORD=PASSWORD))
    return s
