"""A relay in front of an SMB2 server that remembers what passes: each request with the status of its answer. It decodes what the rules
of gentest.py ask about and changes nothing (sessions may be signed, but not encrypted).

usage: relay.py HOST PORT TARGET-PORT [HOST PORT TARGET-PORT...]     Only relays, for clients that know one port; says when it is ready."""
import collections
import os
import socket
import struct
import sys
import threading

CREATE, CLOSE, FLUSH, READ, WRITE, LOCK, QUERY_INFO, SET_INFO = 5, 6, 7, 8, 9, 10, 16, 17
NAMES = {5: "CREATE", 6: "CLOSE", 7: "FLUSH", 8: "READ", 9: "WRITE", 10: "LOCK", 11: "IOCTL", 13: "ECHO", 14: "QUERY_DIRECTORY",
         15: "CHANGE_NOTIFY", 16: "QUERY_INFO", 17: "SET_INFO", 18: "OPLOCK_BREAK"}
PENDING, DELETE_ON_CLOSE = 0x103, 0x1000
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


def new_name(data):
    """Of a rename, without case."""
    return data[20:20 + int.from_bytes(data[16:20], "little")].decode("utf-16le", "replace").lower()


def full_eas(data):
    """The (name, value) of a list of FILE_FULL_EA_INFORMATION."""
    at, out = 0, []
    while at + 8 <= len(data):
        following, _, name_len, value_len = struct.unpack_from("<IBBH", data, at)
        value_at = at + 8 + name_len + 1
        out.append((data[at + 8:at + 8 + name_len].upper(), data[value_at:value_at + value_len]))
        if not following:
            break
        at += following
    return out


STREAMS, ATTRIBUTES = "user.DosStream.", "user.DOSATTRIB"


class Found:
    """What a share's directory had by a name: whether the file is there, is a directory, its streams and stored attributes."""

    def __init__(self, root, name):
        path, _, stream = name.partition(":")
        self.parents, self.there, self.directory, self.streams, self.attributes = True, False, False, set(), b""
        self.stream = stream.split(":")[0].lower()
        at = root
        parts = []
        for part in path.lower().split("\\"):
            parts = parts[:-1] if part == ".." else parts + [part]
        for i, part in enumerate(parts):
            try:
                entry = next((e for e in os.listdir(at) if e.lower() == part), None)
            except OSError:
                entry = None
            if entry is None:
                self.parents = i == len(parts) - 1 and os.path.isdir(at)
                return
            at = os.path.join(at, entry)
        self.there, self.directory = True, os.path.isdir(at)
        for xattr in os.listxattr(at):
            if xattr.startswith(STREAMS):
                self.streams.add(xattr[len(STREAMS):].split(":")[0].lower())
            elif xattr == ATTRIBUTES:
                self.attributes = os.getxattr(at, xattr)

    def marks(self):
        """READONLY, HIDDEN and SYSTEM, as far as stored."""
        return int.from_bytes(self.attributes[12:16], "little") & 7

    def exists(self):
        """What the name says: the file, or the stream of it."""
        return self.there and (not self.stream or self.stream in self.streams)

    def things(self):
        """The streams that are there, and the file as one without a name."""
        return self.streams | {""} if self.there else set()


DECODERS = {CREATE: decode_create, READ: decode_read, WRITE: decode_write, LOCK: decode_lock, QUERY_INFO: decode_query, SET_INFO: decode_set}
# Where a request names its open.
FILE_ID_AT = {CLOSE: 8, FLUSH: 8, READ: 16, WRITE: 16, LOCK: 8, QUERY_INFO: 24, SET_INFO: 16}


class Request:
    def __init__(self, command, message, opened):
        self.command, self.status, self.fields, self.opened = command, None, {}, opened
        # Of the file, before a request that may change what is there by a name; what an answer gave of extended attributes.
        self.before, self.eas = None, []
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
    """Listens on (host, port) and passes everything on to the target, which serves the directory `root`. `last`: the latest requests;
    left: {file name: things} that CREATEs made although they failed, as long as they are there; opens: the CREATEs of what is open;
    doomed: names of files that somebody wanted deleted; locked: names through which something was locked; events: {file name: w for a
    write, a for attributes set, t for a write time set through a stream}; ended: the target hung up while it owed an answer."""

    def __init__(self, host, port, target, root=None):
        self.target, self.root, self.last = target, root, collections.deque(maxlen=400)
        self.forget()
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def forget(self):
        self.last.clear()
        self.left, self.opens, self.doomed, self.locked, self.ended = collections.defaultdict(set), [], set(), set(), False
        self.events = collections.defaultdict(str)

    def found(self, name):
        return Found(self.root, name) if self.root else None

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for s in client, server:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self)
            threading.Thread(target=self.pump, args=(client, server, link.sent), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, link.answered, link.over), daemon=True).start()

    @staticmethod
    def pump(source, sink, seen, over=None):
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
        if over:
            over()
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

    def over(self):
        """The target has hung up: while it owed an answer, or after the client did."""
        self.relay.ended = self.relay.ended or bool(self.waiting)

    def sent(self, m):
        command, = struct.unpack_from("<H", m, 12)
        number, = struct.unpack_from("<Q", m, 24)
        if command < CREATE:
            return
        at = FILE_ID_AT.get(command)
        opened = self.opens.get(m[HEADER + at:HEADER + at + 16]) if at else None
        request = self.waiting[number] = Request(command, m, opened)
        if command == CREATE:
            self.look(request, request.name)
        elif command == SET_INFO and (request.kind, request.level) == (1, 0xA):
            self.look(request, new_name(request.data))
        self.relay.last.append(request)

    def look(self, request, name):
        request.before = self.relay.found(name)
        if request.before:
            self.relay.left[name.split(":")[0].lower()] &= request.before.things()

    def answered(self, m):
        status, command = struct.unpack_from("<IH", m, 8)
        number, = struct.unpack_from("<Q", m, 24)
        if status == PENDING or number not in self.waiting:
            return
        request = self.waiting.pop(number)
        request.status = status
        if command == CREATE:
            self.created(request, m)
        elif status == 0:
            self.done(request, m)

    def created(self, request, m):
        name = request.name.split(":")[0].lower()
        if request.status == 0 and len(m) >= HEADER + 80:
            request.fields["action"], = struct.unpack_from("<I", m, HEADER + 4)
            request.fields["made"], = struct.unpack_from("<I", m, HEADER + 56)
            self.opens[m[HEADER + 64:HEADER + 80]] = request
            self.relay.opens.append(request)
            if request.options & DELETE_ON_CLOSE:
                self.relay.doomed.add(name)
        elif request.before:
            self.relay.left[name] |= self.relay.found(name).things() - request.before.things()

    def done(self, request, m):
        if not request.opened:
            return
        name = request.opened.name.lower()
        if request.command == CLOSE:
            self.relay.opens = [o for o in self.relay.opens if o is not request.opened]
        elif request.command == LOCK:
            self.relay.locked.add(name)
        elif request.command == WRITE and request.length:
            self.relay.events[name.split(":")[0]] += "w"
        elif request.command == SET_INFO and request.kind == 1:
            self.was_set(request, name.split(":")[0])
        elif request.command == QUERY_INFO and (request.kind, request.level) == (1, 0xF):
            at, length = struct.unpack_from("<HI", m, HEADER + 2)
            request.eas = full_eas(m[at:at + length])

    def was_set(self, request, name):
        if request.level in (0x13, 0x14):
            self.relay.events[name] += "w"
        elif request.level == 4:
            self.relay.events[name] += "a" if any(request.data[32:36]) else ""
            self.relay.events[name] += "t" if any(request.data[16:24]) and ":" in request.opened.name else ""
        elif request.level == 0xD and request.data[0]:
            self.relay.doomed.add(name)


if __name__ == "__main__":
    for at in range(1, len(sys.argv), 3):
        Relay(sys.argv[at], int(sys.argv[at + 1]), ("127.0.0.1", int(sys.argv[at + 2])))
    print("ready", flush=True)
    threading.Event().wait()
