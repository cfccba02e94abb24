#!/usr/bin/python3
"""impacket's smbclient.py on any port: its own command line only knows 139 and 445. Runs the shell of impacket.examples.smbclient over
the commands on standard input. usage: impacket_shell.py HOST PORT USER PASSWORD [2.0.2|2.1|3.0]"""
import sys

from impacket.examples.smbclient import MiniImpacketShell
from impacket.smb3structs import SMB2_DIALECT_002, SMB2_DIALECT_21, SMB2_DIALECT_30
from impacket.smbconnection import SMBConnection

DIALECTS = {"2.0.2": SMB2_DIALECT_002, "2.1": SMB2_DIALECT_21, "3.0": SMB2_DIALECT_30, "": None}


def main(host, port, user, password, dialect=""):
    connection = SMBConnection(host, host, sess_port=int(port), preferredDialect=DIALECTS[dialect])
    connection.login(user, password)
    shell = MiniImpacketShell(connection)
    for line in sys.stdin:
        shell.onecmd(line.rstrip("\n"))
    connection.logoff()


main(*sys.argv[1:])
