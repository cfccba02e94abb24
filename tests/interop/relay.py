"""A relay in front of an SMB2 server that remembers what passes: each request with the status of its answer. It decodes what the rules
of gentest.py ask about and changes nothing (sessions may be signed, but not encrypted).

usage: relay.py HOST PORT TARGET-PORT [HOST PORT TARGET-PORT...]     Only relays, for clients that know one port; says when it is ready."""
import collections
import socket
import struct
import sys
import threading

CREATE, CLOSE, FLUSH, READ, WRITE, LOCK, QUERY_INFO, SET_INFO = 5, 6, 7, 8, 9, 10, 16, 17
NAMES = {5: "CREATE", 6: "CLOSE", 7: "FLUSH", 8: "READ", 9: "WRITE", 10: "LOCK", 11: "IOCTL", 13: "ECHO", 14: "QUERY_DIRECTORY",
         15: "CHANGE_NOTIFY", 16: "QUERY_INFO", 17: "SET_INFO", 18: "OPLOCK_BREAK"}
PENDING = 0x103
HEADER = 64


def contexts(frame, at):
    """{tag: data} of a CREATE's contexts."""
    out = {}
    while at and at + 16 <= len(frame):
        following, name_at, name_len, _, data_at, data_len = struct.unpack_from("<IHHHHI", frame, at)
        out[frame[at + name_at:at + name_at + name_len].decode("latin1")] = frame[at + data_at:at + data_at + data_len]
        at = at + following if following else 0
    return out


def decode_create(m):
    fields = struct.unpack_from("<BBI16xIIIIIHHII", m, HEADER + 2)
    _, oplock, impersonation, access, attributes, share, disposition, options, name_at, name_len, contexts_at, _ = fields
    return {"oplock": oplock, "impersonation": impersonation, "access": access, "attributes": attributes, "share": share,
            "disposition": disposition, "options": options, "contexts": contexts(m, contexts_at),
            "name": m[name_at:name_at + name_len].decode("utf-16le", "replace")}


def decode_read(m):
    _, flags, length, offset = struct.unpack_from("<BBIQ", m, HEADER + 2)
    least, channel, _ = struct.unpack_from("<III", m, HEADER + 32)
    return {"flags": flags, "length": length, "offset": offset, "least": least, "channel": channel}


def decode_write(m):
    _, length, offset = struct.unpack_from("<HIQ", m, HEADER + 2)
    channel, _, _, _, flags = struct.unpack_from("<IIHHI", m, HEADER + 32)
    return {"flags": flags, "length": length, "offset": offset, "channel": channel}


def decode_lock(m):
    count, = struct.unpack_from("<H", m, HEADER + 2)
    return {"locks": [struct.unpack_from("<QQI", m, HEADER + 24 + 24 * i) for i in range(min(count, (len(m) - HEADER - 24) // 24))]}


def decode_query(m):
    kind, level, length = struct.unpack_from("<BBI", m, HEADER + 2)
    additional, flags = struct.unpack_from("<II", m, HEADER + 16)
    return {"kind": kind, "level": level, "length": length, "additional": additional, "flags": flags}


def decode_set(m):
    kind, level, length, at = struct.unpack_from("<BBIH", m, HEADER + 2)
    return {"kind": kind, "level": level, "data": m[at:at + length]}


DECODERS = {CREATE: decode_create, READ: decode_read, WRITE: decode_write, LOCK: decode_lock, QUERY_INFO: decode_query, SET_INFO: decode_set}
# Where a request names its open.
FILE_ID_AT = {CLOSE: 8, FLUSH: 8, READ: 16, WRITE: 16, LOCK: 8, QUERY_INFO: 24, SET_INFO: 16}


class Request:
    def __init__(self, command, message, opened):
        self.command, self.status, self.fields, self.opened = command, None, {}, opened
        if command in DECODERS:
            self.fields = DECODERS[command](message)

    def __getattr__(self, name):
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self):
        shown = []
        for name, value in self.fields.items():
            if isinstance(value, dict):
                value = ",".join("%s=%s" % (tag, data.hex()[:64]) for tag, data in value.items())
            elif isinstance(value, bytes):
                value = value.hex()[:200]
            shown.append("%s=%s" % (name, "%#x" % value if isinstance(value, int) else value))
        status = "no answer" if self.status is None else "%#x" % self.status
        through = " through [%s]" % self.opened if self.opened and self.command != CREATE else ""
        return "%s %s: %s%s" % (NAMES.get(self.command, self.command), " ".join(shown), status, through)


class Relay:
    """Listens on (host, port) and passes everything on to the target. `last`: the latest requests; half_made: names of files for which
    a CREATE, or one of a stream, has failed; open_names: what is open, without case."""

    def __init__(self, host, port, target):
        self.target, self.last, self.half_made = target, collections.deque(maxlen=400), set()
        self.open_names = collections.Counter()
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for s in client, server:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self)
            threading.Thread(target=self.pump, args=(client, server, link.sent), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, link.answered), daemon=True).start()

    @staticmethod
    def pump(source, sink, seen):
        held = b""
        try:
            while True:
                data = source.recv(1 << 17)
                if not data:
                    break
                held += data
                while len(held) >= 4 and len(held) >= 4 + int.from_bytes(held[1:4], "big"):
                    size = int.from_bytes(held[1:4], "big")
                    for message in messages(held[4:4 + size]):
                        seen(message)
                    held = held[4 + size:]
                sink.sendall(data)
        except OSError:
            pass
        for s in source, sink:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def messages(frame):
    """The elements of a frame of SMB2."""
    while frame[:4] == b"\xfeSMB" and len(frame) >= HEADER:
        following, = struct.unpack_from("<I", frame, 20)
        yield frame[:following] if following else frame
        frame = frame[following:] if following else b""


class Link:
    """One connection: its requests by message id, its opens by file id."""

    def __init__(self, relay):
        self.relay, self.waiting, self.opens = relay, {}, {}

    def sent(self, m):
        command, = struct.unpack_from("<H", m, 12)
        number, = struct.unpack_from("<Q", m, 24)
        if command < CREATE:
            return
        at = FILE_ID_AT.get(command)
        opened = self.opens.get(m[HEADER + at:HEADER + at + 16]) if at else None
        request = self.waiting[number] = Request(command, m, opened)
        self.relay.last.append(request)

    def answered(self, m):
        status, command = struct.unpack_from("<IH", m, 8)
        number, = struct.unpack_from("<Q", m, 24)
        if status == PENDING or number not in self.waiting:
            return
        request = self.waiting.pop(number)
        request.status = status
        if command == CREATE and status != 0:
            self.relay.half_made.add(request.name.split(":")[0].lower())
        if command == CREATE and status == 0 and len(m) >= HEADER + 80:
            request.fields["action"], = struct.unpack_from("<I", m, HEADER + 4)
            request.fields["made"], = struct.unpack_from("<I", m, HEADER + 56)
            self.opens[m[HEADER + 64:HEADER + 80]] = request
            self.relay.open_names[request.name.lower()] += 1
        elif command == CLOSE and status == 0 and request.opened:
            self.relay.open_names[request.opened.name.lower()] -= 1


if __name__ == "__main__":
    for at in range(1, len(sys.argv), 3):
        Relay(sys.argv[at], int(sys.argv[at + 1]), ("127.0.0.1", int(sys.argv[at + 2])))
    print("ready", flush=True)
    threading.Event().wait()
