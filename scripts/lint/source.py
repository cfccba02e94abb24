"""What the lints share: the list of source files, C text without comments or strings, functions with their comments."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
C_FOLDERS = ("src", "include", "tests", "fuzz", "bench")


def files(folders=C_FOLDERS, endings=(".c", ".h")):
    """Paths relative to the root: what git knows or would add, or everything where there is no git."""
    try:
        out = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "--", *folders],
                             capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        out = [os.path.relpath(os.path.join(d, f), ROOT)
               for top in folders for d, _, fs in os.walk(os.path.join(ROOT, top)) for f in fs]
        out = [p for p in out if not p.startswith(("build", ".git/"))]
    return sorted(p for p in out if p.endswith(endings) and os.path.exists(os.path.join(ROOT, p)))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
        return f.read()


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code(text):
    """The text with comments and the insides of literals blanked; lines and columns stay."""
    def sub(m):
        t = m.group(0)
        return _blank(t) if t.startswith("/") else t[0] + _blank(t[1:-1]) + t[-1]
    return TOKEN.sub(sub, text)


def comments(text):
    """(line number, comment text) of every comment."""
    for m in TOKEN.finditer(text):
        if m.group(0).startswith("/"):
            yield text.count("\n", 0, m.start()) + 1, m.group(0)


class Function:
    def __init__(self, name, static, line, last, comment):
        self.name, self.static, self.line, self.last, self.comment = name, static, line, last, comment

    @property
    def length(self):
        return self.last - self.line + 1


HEAD = re.compile(r"^(?!typedef\b|struct \w+ \w+\s*=|#)([A-Za-z_][^;={}]*?\b([A-Za-z_]\w*)\s*\([^;{}]*\))\s*$", re.S)


def functions(text):
    """Definitions in the house layout: the opening brace stands alone in column 0, and so does the closing one."""
    raw, lines = text.split("\n"), code(text).split("\n")
    for i, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = i
        while first > 0 and lines[first - 1].strip() and not lines[first - 1].startswith(("}", "#")):
            first -= 1
        m = HEAD.match("\n".join(lines[first:i]))
        last = next((j for j in range(i + 1, len(lines)) if lines[j].startswith("}")), len(lines) - 1)
        if not m:
            continue
        # `first` is the first line of code; a comment directly above it was blanked to spaces and ended the walk.
        top = first
        while top > 0 and raw[top - 1].strip() and not lines[top - 1].strip():
            top -= 1
        yield Function(re.match(r"\w+", m.group(2)).group(0), bool(re.match(r"\s*(static|.*\bstatic\b)", m.group(1).split("(")[0])),
                       first + 1, last + 1, "\n".join(raw[top:first]))


def report(findings, what):
    """Prints path:line: message for each, and the verdict; gives the exit status."""
    for path, line, message in findings:
        print(f"{path}:{line}: {message}")
    print(f"{what}: {'clean' if not findings else f'{len(findings)} finding(s)'}")
    return 1 if findings else 0


def run(check, what):
    sys.exit(report(list(check()), what))
