"""What of gentest's findings docs/differences.md explains. Each rule is (heading there, command, predicate on the difference); a rule is
as narrow as the explanation: it asks about the request and what was there for it (Found in relay.py), not about statuses alone."""
import re

from relay import CLOSE, CREATE, LOCK, QUERY_INFO, READ, SET_INFO, WRITE, new_name

# NTSTATUS
OK, INVALID_HANDLE, INVALID_PARAMETER, INVALID_DEVICE_REQUEST, ACCESS_DENIED = 0, 0xC0000008, 0xC000000D, 0xC0000010, 0xC0000022
NAME_INVALID, NAME_NOT_FOUND, COLLISION, PATH_NOT_FOUND, PATH_SYNTAX_BAD = 0xC0000033, 0xC0000034, 0xC0000035, 0xC000003A, 0xC000003B
SHARING_VIOLATION, FILE_IS_A_DIRECTORY = 0xC0000043, 0xC00000BA
NONEXISTENT_EA, NO_EAS_ON_FILE, FILE_LOCK_CONFLICT, DELETE_PENDING = 0xC0000051, 0xC0000052, 0xC0000054, 0xC0000056
PRIVILEGE_NOT_HELD, DISK_FULL, BAD_IMPERSONATION, NOT_SUPPORTED = 0xC0000061, 0xC000007F, 0xC00000A5, 0xC00000BB
CANNOT_DELETE, DIRECTORY_NOT_EMPTY, NOT_A_DIRECTORY, FILE_SYSTEM_LIMITATION = 0xC0000121, 0xC0000101, 0xC0000103, 0xC0000427
NO_MORE_EAS, INVALID_EA_NAME = 0x80000012, 0x80000013
# Rights
WRITE_DATA, APPEND_DATA, WRITE_EA, DELETE, READ_CONTROL = 2, 4, 0x10, 0x10000, 0x20000
SYSTEM_SECURITY, MAXIMUM_ALLOWED, INVALID_ACCESS = 0x1000000, 0x2000000, 0x0CE0FE00
# Generic rights; whatever counts for share modes.
GENERIC_ALL, GENERIC_WRITE, GENERIC_ANY, MOVES_DATA = 0x10000000, 0x40000000, 0xF0000000, 0xF2010027
SHARE_WRITE, SHARE_DELETE = 2, 4
# CREATE
DIRECTORY, NON_DIRECTORY, NO_EAS, DELETE_ON_CLOSE, UNSUPPORTED_OPTIONS, VALID_OPTIONS = 1, 0x40, 0x200, 0x1000, 0x00102080, 0x00FFFFFF
OVERWRITES = (0, 4, 5)
# File attributes
READONLY_ATTRIBUTE = 1
DIRECTORY_ATTRIBUTE, ARCHIVE_ATTRIBUTE, NORMAL_ATTRIBUTE, TEMPORARY, KEPT_ATTRIBUTES, VALID_ATTRIBUTES = 0x10, 0x20, 0x80, 0x100, 0x3100, 0x7FB7
# QUERY_INFO of extended attributes; the most that one holds, and what those of a file may come to where they share a block
RESTART_SCAN, XATTR_MOST, BLOCK_USED = 1, 65535, 2048


def eas(request):
    """Names of the attributes that a CREATE brings."""
    data, at, out = request.contexts.get("ExtA", b""), 0, []
    while at + 8 <= len(data):
        out.append(data[at + 8:at + 8 + data[at + 5]].decode("latin1"))
        following = int.from_bytes(data[at:at + 4], "little")
        if not following:
            break
        at += following
    return out


def stream(request):
    return ":" in request.name


def deletes_later(r, rights):
    return bool(r.options & DELETE_ON_CLOSE and not r.access & rights)


def beyond_range(r):
    return bool(r.attributes & ~VALID_ATTRIBUTES or r.share & ~7 or r.disposition > 5 or r.options & ~VALID_OPTIONS)


def eas_of_stream(r):
    """They belong to files: refused here as there, once the stream is made or overwritten."""
    return stream(r) and bool(eas(r)) and (not r.before.exists() or r.disposition in OVERWRITES)


def faults(r):
    """The statuses of those of our checks that a CREATE fails, in our order."""
    checks = (
        (NAME_INVALID, r.name.endswith("\\.")),
        (NAME_NOT_FOUND, any(r.contexts.get("TWrp", b""))),
        (ACCESS_DENIED, "ExtA" in r.contexts and r.options & NO_EAS),
        (ACCESS_DENIED, deletes_later(r, DELETE | GENERIC_ALL)),
        (BAD_IMPERSONATION, r.impersonation > 3),
        (ACCESS_DENIED, r.access == 0 or r.access & INVALID_ACCESS),
        (INVALID_PARAMETER, beyond_range(r)),
        (INVALID_PARAMETER, r.options & DIRECTORY and r.disposition in OVERWRITES),
        (NOT_SUPPORTED, r.options & UNSUPPORTED_OPTIONS),
        (INVALID_PARAMETER, r.options & DIRECTORY and r.options & NON_DIRECTORY),
        (NOT_A_DIRECTORY, stream(r) and r.options & DIRECTORY),
        (PRIVILEGE_NOT_HELD, r.access & SYSTEM_SECURITY),
        # Only once there is a file to make, or to give them to.
        (INVALID_PARAMETER, r.options & DIRECTORY and r.attributes & TEMPORARY and not r.before.there),
        (INVALID_EA_NAME, "" in eas(r)),
        (INVALID_PARAMETER, eas_of_stream(r)),
    )
    return [status for status, applies in checks if applies]


def looked_up(d):
    """The statuses that looking up the path may have given there, as things were."""
    r, was = d.theirs, d.theirs.before
    out = set()
    if not was.parents:
        out.add(PATH_NOT_FOUND)
    elif not was.exists() and r.disposition in (1, 4):
        out.add(NAME_NOT_FOUND)
    if was.exists() and r.disposition == 2:
        out.add(COLLISION)
    if was.there and r.options & DIRECTORY and (stream(r) or not was.directory):
        out.add(NOT_A_DIRECTORY)
    if was.there and was.directory and r.options & NON_DIRECTORY:
        out.add(FILE_IS_A_DIRECTORY)
    if was.there and was.marks() and (r.disposition in OVERWRITES or r.access & (WRITE_DATA | APPEND_DATA) or not was.exists()):
        out.add(ACCESS_DENIED)
    if any(same_file(o, r) for o in d.their_opens):
        out.add(SHARING_VIOLATION)
        if r.name.lower().split(":")[0] in d.doomed:
            out.add(DELETE_PENDING)
    return out


def denied_as_read_only(d):
    """See the entry on read-only files and MAXIMUM_ALLOWED. Theirs may be one that a CREATE that failed has left."""
    r, there = d.ours, d.theirs.before
    return d.theirs.status == ACCESS_DENIED and bool(r.access & MAXIMUM_ALLOWED) and r.disposition in (1, 3) and there.exists() and \
        bool(there.marks() & READONLY_ATTRIBUTE) and not there.directory


def several_faults(d):
    """Ours is the status of the first check that fails; theirs that of another, or of the path."""
    ours = faults(d.ours)
    if not ours or d.ours.status != ours[0] or d.theirs.status == OK:
        return False
    if d.theirs.status == INVALID_PARAMETER and deletes_later(d.ours, DELETE):
        return True
    return d.theirs.status in ours[1:] or d.theirs.status in looked_up(d) or denied_as_read_only(d)


def unknown_bits(d):
    return (d.ours.status, d.theirs.status) == (INVALID_PARAMETER, OK) and beyond_range(d.ours) and faults(d.ours)[0] == INVALID_PARAMETER


def statuses(ours, theirs, applies=lambda d: True):
    return lambda d: (d.ours.status, d.theirs.status) == (ours, theirs) and applies(d)


def directory(r):
    """Whether the request goes through a handle to a directory."""
    return r.opened is not None and not stream(r.opened) and bool(r.opened.fields.get("made", 0) & DIRECTORY_ATTRIBUTE)


def of_stream(r):
    return r.opened is not None and stream(r.opened)


def same_file(a, b):
    return a.name.lower().split(":")[0] == b.name.lower().split(":")[0]


def may_have(r, right):
    generic = {DELETE: GENERIC_ALL, WRITE_EA: GENERIC_ALL | GENERIC_WRITE, READ_CONTROL: GENERIC_ANY}[right]
    return bool(r.access & (right | MAXIMUM_ALLOWED | generic))


def directory_to_overwrite(d):
    return d.ours.before.directory and not stream(d.ours) and d.ours.disposition in OVERWRITES and not d.ours.options & DIRECTORY


def io_of_directory(d):
    if not directory(d.ours) or d.ours.status != INVALID_DEVICE_REQUEST:
        return False
    return d.theirs.status == ACCESS_DENIED or d.theirs.status == INVALID_PARAMETER and d.ours.length == 0


def no_channel(d):
    return d.ours.channel != 0 and d.ours.status == INVALID_PARAMETER and d.theirs.status not in (None, INVALID_PARAMETER)


def large_stream(d, size):
    """Beyond 64 KiB, or what the file system gives the extended attributes of one file (a block of 4 KiB on ext4)."""
    if not of_stream(d.ours) or d.ours.status != OK:
        return False
    if d.theirs.status == DISK_FULL:
        return size > BLOCK_USED
    return d.theirs.status in (FILE_SYSTEM_LIMITATION, ACCESS_DENIED) and size > XATTR_MOST


def shown_attributes(d):
    """Those here and those there, if they are what differs."""
    if not d.field or d.field.split(".")[-1] not in ("file_attr", "attrib", "attributes"):
        return None
    return tuple(int(v, 16) & ~NORMAL_ATTRIBUTE for v in d.values)


def kept_attributes(d):
    both = shown_attributes(d)
    return both is not None and both[1] == both[0] & ~KEPT_ATTRIBUTES


def marked_again(d):
    """Written, attributes set, and written again."""
    both, r = shown_attributes(d), d.ours.opened or d.ours
    if both is None or not re.search("w.*a.*w", d.events.get(r.name.lower().split(":")[0], "")):
        return False
    return both[0] & ARCHIVE_ATTRIBUTE and both[1] in (both[0] & ~ARCHIVE_ATTRIBUTE, both[0] & ~(ARCHIVE_ATTRIBUTE | KEPT_ATTRIBUTES))


def time_through_stream(d):
    r = d.ours.opened or d.ours
    return bool(d.field) and d.field.endswith("write_time") and "t" in d.events.get(r.name.lower().split(":")[0], "")


def number(r):
    return int.from_bytes(r.data[:8], "little")


def left_there(d, name):
    """A CREATE that failed there made what is there by that name now, the file or the stream, and not here."""
    here, there, left = d.ours.before, d.theirs.before, d.left.get(name.split(":")[0].lower(), set())
    if here.exists() or not there.there:
        return False
    return (there.stream if here.there else "") in left


def half_made(d):
    """Ours is what becomes of a CREATE of what is not there."""
    if not left_there(d, d.ours.name):
        return False
    if d.field:
        return d.field == "out.create_action" and d.ours.action == 2
    if d.ours.status == INVALID_PARAMETER:
        return eas_of_stream(d.ours)
    return d.ours.status == NAME_NOT_FOUND and d.ours.disposition in (1, 4) or d.ours.status == OK and d.theirs.status != OK


def streams_left(d):
    """As many streams more there as have been left there."""
    if d.field != "stream_info.out.num_streams":
        return False
    left = d.left.get(d.ours.opened.name.lower().split(":")[0], set()) - {""}
    return int(d.values[1], 16) - int(d.values[0], 16) == len(left) > 0


def temporary_directory(d):
    return d.theirs.status == INVALID_PARAMETER and d.ours.status != INVALID_PARAMETER and d.ours.options & DIRECTORY and \
        d.ours.attributes & TEMPORARY and d.ours.before.there


def continued_eas(d):
    """Flags say to go on, or to give one only; smbd gives all, always."""
    if (d.ours.kind, d.ours.level) != (1, 0xF) or d.ours.flags & 7 == RESTART_SCAN or d.theirs.status != OK:
        return False
    if d.ours.status in (NO_MORE_EAS, NONEXISTENT_EA):
        return True
    return d.ours.status == OK and set(d.ours.eas) < set(d.theirs.eas)


def order_of_eas(d):
    return (d.field or "").startswith("all_eas.out.eas") and d.ours.eas != d.theirs.eas and sorted(d.ours.eas) == sorted(d.theirs.eas)


def beside_streams(d):
    """[MS-FSA] 2.1.5.1.2.1: who may delete the file, and who has it or a stream of it open and does not share that."""
    r = d.ours
    for o in d.opens:
        if o.name.lower() == r.name.lower() or not same_file(o, r):
            continue
        if not stream(o) and may_have(o, DELETE) and not r.share & SHARE_DELETE and r.access & MOVES_DATA:
            return True
        if not stream(r) and may_have(r, DELETE) and not o.share & SHARE_DELETE and o.access & MOVES_DATA:
            return True
    return False


def gone(d):
    return d.theirs.status is None and d.ours.status is not None and d.ended


def set_level(level, ours, theirs, applies=lambda d: True):
    return statuses(ours, theirs, lambda d: d.ours.kind == 1 and d.ours.level == level and applies(d))


def folded(name):
    parts = []
    for part in name.lower().split(":")[0].split("\\"):
        parts = parts[:-1] if part == ".." else parts + [part]
    return "\\".join(parts)


def into_open_directory(d):
    """Somebody has the directory of the new name open, and does not share writing or may delete it."""
    parent = folded(new_name(d.ours.data)).rpartition("\\")[0]
    return any(folded(o.name) == parent and o.access & MOVES_DATA and (not o.share & SHARE_WRITE or may_have(o, DELETE)) for o in d.opens)


def of_directory_in_use(d):
    """Of a directory with something open beneath it."""
    return directory(d.ours) and any(folded(o.name).startswith(folded(d.ours.opened.name) + "\\") for o in d.opens)


def onto_open(d):
    return d.ours.data[0] and any(same_name(o.name, new_name(d.ours.data)) for o in d.opens)


def same_name(name, other):
    return name.lower().split(":")[0] == other.split(":")[0]


def attributes_misfit(r):
    return bool(int.from_bytes(r.data[32:36], "little") & (TEMPORARY if directory(r) else DIRECTORY_ATTRIBUTE))


def renames(r):
    return (r.kind, r.level) == (1, 0xA)


def rename(ours, theirs, applies):
    """Theirs is one of these, or says what is wrong with the new name: no directory for it, or that of a stream behind it."""
    def matches(d):
        if not renames(d.ours) or d.ours.status != ours or not applies(d):
            return False
        if d.theirs.status == NAME_INVALID:
            return ":" in new_name(d.ours.data)
        return d.theirs.status in theirs or d.theirs.status == PATH_NOT_FOUND and not d.theirs.before.parents
    return matches


def eas_without_right(d):
    return bool(eas(d.ours)) and d.ours.action == 2 and not may_have(d.ours, WRITE_EA)


def stream_renames_file(d):
    return of_stream(d.ours) and not new_name(d.ours.data).startswith(":")


def read_only_maximum(d):
    return d.ours.status in (OK, SHARING_VIOLATION) and denied_as_read_only(d)


def dots(d):
    return renames(d.ours) and d.ours.status in (PATH_SYNTAX_BAD, NAME_INVALID) and new_name(d.ours.data).split("\\")[-1] in (".", "..")


def name_of_stream(d):
    if not of_stream(d.ours) or d.field not in ("all_info2.out.fname", "all_info.out.fname"):
        return False
    name = d.ours.opened.name.lower().removesuffix(":$data")
    return tuple(v.lower() for v in d.values) == ("\\" + name, ":" + name.split(":")[1])


def label_only(d):
    return d.ours.kind == 3 and d.ours.additional & 0x1F == 0x10 and not may_have(d.ours.opened, READ_CONTROL)


RULES = [
    ("A CREATE that is wrong in several ways", CREATE, several_faults),
    ("Bits that CREATE does not have", CREATE, unknown_bits),
    ("Overwriting a directory", CREATE, statuses(COLLISION, INVALID_PARAMETER, directory_to_overwrite)),
    ("Temporary directories", CREATE, temporary_directory),
    ("Reading and writing a directory", WRITE, io_of_directory),
    ("A WRITE of no bytes", WRITE, statuses(OK, INVALID_PARAMETER, lambda d: d.ours.length == 0)),
    ("A Channel that is not there", READ, no_channel),
    ("A Channel that is not there", WRITE, no_channel),
    ("Streams larger than an extended attribute", WRITE, lambda d: large_stream(d, d.ours.offset + d.ours.length)),
    ("Streams larger than an extended attribute", SET_INFO,
     lambda d: d.ours.kind == 1 and d.ours.level in (0x13, 0x14) and large_stream(d, number(d.ours))),
    ("What a CREATE that failed leaves", CREATE, half_made),
    ("What a CREATE that failed leaves", SET_INFO, set_level(0xA, OK, COLLISION, lambda d: left_there(d, new_name(d.ours.data)))),
    ("What a CREATE that failed leaves", QUERY_INFO, streams_left),
    ("DELETE_ON_CLOSE with GENERIC_ALL", CREATE, lambda d: d.theirs.status == INVALID_PARAMETER and d.ours.status != INVALID_PARAMETER and
     deletes_later(d.ours, DELETE) and not deletes_later(d.ours, GENERIC_ALL)),
    ("Locks on streams", WRITE, statuses(FILE_LOCK_CONFLICT, OK, lambda d: of_stream(d.ours) and d.ours.opened.name.lower() in d.locked)),
    ("Locks on streams", READ, statuses(FILE_LOCK_CONFLICT, OK, lambda d: of_stream(d.ours) and d.ours.opened.name.lower() in d.locked)),
    ("Extended attributes through a stream", QUERY_INFO,
     lambda d: of_stream(d.ours) and (d.ours.kind, d.ours.level) == (1, 0xF) and d.theirs.status == INVALID_PARAMETER and
     d.ours.status in (OK, NO_EAS_ON_FILE, NO_MORE_EAS, NONEXISTENT_EA)),
    ("Extended attributes through a stream", SET_INFO, set_level(0xF, OK, INVALID_PARAMETER, lambda d: of_stream(d.ours))),
    ("Attributes that are kept", None, kept_attributes),
    ("Marks for the archive", None, marked_again),
    ("A write time set through a stream", None, time_through_stream),
    ("Extended attributes, continued", QUERY_INFO, continued_eas),
    ("Renaming a file through a stream", SET_INFO, rename(SHARING_VIOLATION, (OK, INVALID_PARAMETER), stream_renames_file)),
    ("smbd ends the connection", None, gone),
    ("Read-only files and MAXIMUM_ALLOWED", CREATE, read_only_maximum),
    ("A descriptor for a stream", CREATE, statuses(OK, ACCESS_DENIED, lambda d: stream(d.ours) and "SecD" in d.ours.contexts)),
    ("Extended attributes of a new file", CREATE, statuses(OK, ACCESS_DENIED, eas_without_right)),
    ("FileNameInformation", QUERY_INFO, statuses(NOT_SUPPORTED, OK, lambda d: (d.ours.kind, d.ours.level) == (1, 9))),
    ("The size of a directory", SET_INFO, set_level(0x13, INVALID_PARAMETER, OK, lambda d: directory(d.ours))),
    ("The size of a directory", SET_INFO, set_level(0x14, INVALID_PARAMETER, OK, lambda d: directory(d.ours))),
    ("The size of a directory", SET_INFO, set_level(0x14, INVALID_PARAMETER, INVALID_HANDLE, lambda d: directory(d.ours))),
    ("Attributes that do not fit", SET_INFO, set_level(4, INVALID_PARAMETER, OK, lambda d: attributes_misfit(d.ours))),
    ("The order of extended attributes", QUERY_INFO, order_of_eas),
    ("Taking back a deletion without the right to delete", SET_INFO,
     set_level(0xD, ACCESS_DENIED, OK, lambda d: not d.ours.data[0] and not may_have(d.ours.opened, DELETE))),
    ("Deleting without the right to", SET_INFO,
     set_level(0xD, ACCESS_DENIED, CANNOT_DELETE, lambda d: d.ours.data[0] and not may_have(d.ours.opened, DELETE))),
    ("Renaming without the right to delete", SET_INFO, rename(ACCESS_DENIED, (OK,), lambda d: not may_have(d.ours.opened, DELETE))),
    ("Renaming a directory in use", SET_INFO, rename(ACCESS_DENIED, (SHARING_VIOLATION,), of_directory_in_use)),
    ("Dots in a new name", SET_INFO, dots),
    ("A directory given by its handle in a rename", SET_INFO, rename(INVALID_PARAMETER, (OK,), lambda d: any(d.ours.data[8:16]))),
    ("Renaming onto a file that is open", SET_INFO, set_level(0xA, ACCESS_DENIED, OK, onto_open)),
    ("Renaming into a directory that is not shared", SET_INFO, set_level(0xA, SHARING_VIOLATION, OK, into_open_directory)),
    ("A snapshot that is not there", CREATE, statuses(NAME_NOT_FOUND, OK, lambda d: any(d.ours.contexts.get("TWrp", b"")))),
    ("The mandatory label", QUERY_INFO, statuses(ACCESS_DENIED, OK, label_only)),
    ("Sharing between a file and its streams", CREATE, lambda d: d.ours.status == SHARING_VIOLATION and beside_streams(d) and
     (d.theirs.status == OK or d.theirs.status == INVALID_PARAMETER and stream(d.ours) and eas(d.ours))),
    ("Locks on a directory", LOCK, statuses(INVALID_PARAMETER, INVALID_DEVICE_REQUEST, lambda d: directory(d.ours))),
    ("A name that is about to go", CREATE,
     statuses(DELETE_PENDING, COLLISION, lambda d: d.ours.disposition == 2 and d.ours.name.lower().split(":")[0] in d.doomed)),
    ("Closing a directory that cannot go", CLOSE, statuses(OK, DIRECTORY_NOT_EMPTY, lambda d: directory(d.ours))),
    ("Streams, asked for through a stream", QUERY_INFO,
     statuses(OK, INVALID_PARAMETER, lambda d: of_stream(d.ours) and (d.ours.kind, d.ours.level) == (1, 0x16))),
    ("The name of a stream", QUERY_INFO, name_of_stream),
    ("Short names", QUERY_INFO, statuses(NAME_NOT_FOUND, OK, lambda d: (d.ours.kind, d.ours.level) == (1, 0x15))),
]


def explained(difference):
    for heading, command, applies in RULES:
        if command in (None, difference.ours.command) and applies(difference):
            return heading
    return None
