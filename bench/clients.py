"""hythe and smbclient copy the same files from and to the same server: what they take, and the processor time that they use themselves."""
import os
import resource
import shutil
import subprocess
import time

import memory
import peers


def files_below(directory):
    return sum(len(files) for _, _, files in os.walk(directory))


class Clients:
    def __init__(self, bench, server):
        self.args, self.root, self.user, self.server = bench.args, bench.root, bench.user, server
        self.local = f"{bench.shm}/local"
        self.kept = f"{bench.shm}/kept-pages"
        self.env = dict(os.environ, HYTHE_PASSWORD=peers.PASSWORD, PASSWD=peers.PASSWORD)

    def prepare(self, key):
        where = self.root if key.startswith("get") else self.local
        os.makedirs(self.local, exist_ok=True)
        self.keep_pages(key in ("get", "put"))
        if key in ("get", "put") and not os.path.exists(f"{where}/one"):
            block = os.urandom(1 << 20)
            with open(f"{where}/one", "wb") as f:
                for _ in range(self.args.copy_mib):
                    f.write(block)
        elif key.endswith("-r") and not os.path.exists(f"{where}/tree"):
            block = os.urandom(4096)
            for i in range(self.args.copy_files):
                if i % 1000 == 0:
                    os.makedirs(f"{where}/tree/d{i // 1000:03}")
                with open(f"{where}/tree/d{i // 1000:03}/copy-{i:06}", "wb") as f:
                    f.write(block)

    def keep_pages(self, wanted):
        """For new files of a GiB."""
        if wanted and not os.path.exists(self.kept):
            memory.keep_pages(self.kept, 5 * self.args.copy_mib)  # two sources, one copy, and as much again
        elif not wanted and os.path.exists(self.kept):
            os.unlink(self.kept)

    def hythe(self, key):
        url = f"smb://{self.user}@127.0.0.1:{self.server.port}/{self.server.share}"
        words = {"get": ["get", f"{url}/one", f"{self.local}/to/one"], "put": ["put", f"{self.local}/one", f"{url}/to/one"],
                 "get-r": ["get", "-r", f"{url}/tree", f"{self.local}/to"], "put-r": ["put", "-r", f"{self.local}/tree", f"{url}/to/"]}[key]
        return [f"{self.args.build}/src/cli/hythe", words[0], "--quiet", "--sign", "optional", *words[1:]]

    def smbclient(self, key):
        words = {"get": f"get one {self.local}/to/one", "put": f"put {self.local}/one to/one",
                 "get-r": f"lcd {self.local}/to; recurse ON; prompt OFF; mget tree",
                 "put-r": f"lcd {self.local}; cd to; recurse ON; prompt OFF; mput tree"}[key]
        return ["smbclient", f"//127.0.0.1/{self.server.share}", "-p", str(self.server.port), "-U", self.user, "-c", words]

    def measure(self, name, key):
        to = f"{self.local}/to" if key.startswith("get") else f"{self.root}/to"
        shutil.rmtree(to, ignore_errors=True)
        os.makedirs(to)
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        p = subprocess.run(getattr(self, name)(key), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        tree = key.endswith("-r")
        done = files_below(to) if tree else os.path.getsize(f"{to}/one") if os.path.exists(f"{to}/one") else 0
        wanted = self.args.copy_files if tree else self.args.copy_mib << 20
        shutil.rmtree(to, ignore_errors=True)
        if p.returncode != 0 or done != wanted:
            raise peers.Failed(f"{name} ended with {p.returncode}, {done} of {wanted}: {p.stdout.strip()[-300:]}")
        work = done if tree else done / 1e6
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"rate": work / seconds, "cpu_us": cpu / work * 1e6}
