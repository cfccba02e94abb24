#!/usr/bin/env python3
"""conf_man.py update|check: docs/hythe.conf.5 from the table of options in src/cli/options.def."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE, PAGE = os.path.join(ROOT, "src/cli/options.def"), os.path.join(ROOT, "docs/hythe.conf.5")
CHOICES = os.path.join(ROOT, "src/cli/config.c")

HEAD = r'''.\" Written by scripts/conf_man.py from src/cli/options.def; change it there.
.TH HYTHE.CONF 5 "" "Hythe" "Hythe"
.SH NAME
hythe.conf \- configuration of hythe serve
.SH SYNOPSIS
.nf
.B hythe serve \-\-config FILE
.B hythe serve \-\-config FILE \-\-check
.fi
.SH DESCRIPTION
A text file of sections and options.
.B [server]
holds what concerns the server as a whole; each
.BI "[share " NAME ]
is a directory that is shared under that name.
An option stands on a line of its own as
.IR "option = value" ;
blanks around it do not matter.
Lines that begin with # or ; and what follows a blank and a ; are comments.
A line has at most 198 characters; options that take a list may be given again and add to it.
Options and values are not case-sensitive.
.P
An option or section that is not known is an error, with the file, the line and the nearest one that is known.
Options of the command line come after the file:
.B \-\-listen
replaces its addresses,
.B \-\-share
and a directory add shares.
.P
On SIGHUP the file is read again: shares and users are taken over, connections stay.
Everything else takes effect at the next start.
'''
TAIL = r'''.SH EXAMPLE
.nf
[server]
listen      = 0.0.0.0:445
listen      = [::]:445
state       = /var/lib/hythe
encryption  = desired

[share photos]
path        = /srv/photos
comment     = Family photographs
users       = ann, bob

[share archive]
path        = /srv/archive
read-only   = yes
encrypt     = yes
.fi
.SH SEE ALSO
.BR hythe (1)
'''


def options():
    text = open(TABLE, encoding="utf-8").read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    row = re.compile(r'(SERVER|SHARE)_OPTION\("([^"]+)", (\w+), \w+, ([^"]*), "([^"]*)",\s*((?:"[^"]*"\s*)+)\)')
    rows = [(m[0], m[1], m[2], m[3], m[4], "".join(re.findall(r'"([^"]*)"', m[5]))) for m in row.findall(text)]
    if len(rows) != len(re.findall(r"_OPTION\(", text)):
        sys.exit("conf_man.py: a row of options.def is not understood")
    return rows


def values(kind, more):
    source = open(CHOICES, encoding="utf-8").read()
    if kind == "FLAG":
        return "yes|no"
    if kind == "CHOICE":
        table = re.search(r"CHOICES\((\w+)\)", more).group(1)
        body = re.search(r"config_choice " + table + r"\[\] = \{(.*?)\};", source, re.S).group(1)
        return "|".join(re.findall(r'\{"([^"]+)"', body))
    return {"TEXT": "TEXT", "LIST": "ITEM[, ITEM]...", "NUMBER": "NUMBER"}[kind]


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti")


def page():
    out = HEAD
    for section, title in (("SERVER", ".SH [server]\n"), ("SHARE", '.SH "[share NAME]"\n')):
        out += title
        for kind_of, name, kind, more, shown, text in options():
            if kind_of == section:
                out += f".TP\n.BR {roff(name)} \" = {roff(values(kind, more))}\"\n{roff(text)}\nDefault: {roff(shown)}.\n"
    return out + TAIL


def main(argv):
    if argv == ["update"]:
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(page())
        return 0
    if argv == ["check"]:
        same = os.path.exists(PAGE) and open(PAGE, encoding="utf-8").read() == page()
        print("docs/hythe.conf.5: " + ("current" if same else "not current: run scripts/conf_man.py update"))
        return int(not same)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
