"""What of gentest's findings docs/differences.md explains. Each rule is (heading there, the two statuses or the field, predicate on the
requests); a rule is as narrow as the explanation: it asks about the request, not about statuses alone."""
from relay import CLOSE, CREATE, LOCK, QUERY_INFO, READ, SET_INFO, WRITE

# NTSTATUS
OK, INVALID_HANDLE, INVALID_PARAMETER, INVALID_DEVICE_REQUEST, ACCESS_DENIED = 0, 0xC0000008, 0xC000000D, 0xC0000010, 0xC0000022
NAME_INVALID, NAME_NOT_FOUND, COLLISION, PATH_SYNTAX_BAD, SHARING_VIOLATION = 0xC0000033, 0xC0000034, 0xC0000035, 0xC000003B, 0xC0000043
NONEXISTENT_EA, NO_EAS_ON_FILE, FILE_LOCK_CONFLICT, DELETE_PENDING = 0xC0000051, 0xC0000052, 0xC0000054, 0xC0000056
PRIVILEGE_NOT_HELD, DISK_FULL, BAD_IMPERSONATION, NOT_SUPPORTED = 0xC0000061, 0xC000007F, 0xC00000A5, 0xC00000BB
DIRECTORY_NOT_EMPTY, NOT_A_DIRECTORY, FILE_SYSTEM_LIMITATION = 0xC0000101, 0xC0000103, 0xC0000427
NO_MORE_EAS, INVALID_EA_NAME = 0x80000012, 0x80000013
# Rights
DELETE, SYSTEM_SECURITY, MAXIMUM_ALLOWED, GENERIC_ALL, INVALID_ACCESS = 0x10000, 0x1000000, 0x2000000, 0x10000000, 0x0CE0FE00
# CREATE
DIRECTORY, NON_DIRECTORY, NO_EAS, DELETE_ON_CLOSE, UNSUPPORTED_OPTIONS, VALID_OPTIONS = 1, 0x40, 0x200, 0x1000, 0x00102080, 0x00FFFFFF
OVERWRITES = (0, 4, 5)
# File attributes
DIRECTORY_ATTRIBUTE, ARCHIVE_ATTRIBUTE, NORMAL_ATTRIBUTE, TEMPORARY, KEPT_ATTRIBUTES, VALID_ATTRIBUTES = 0x10, 0x20, 0x80, 0x100, 0x3100, 0x7FB7
# QUERY_INFO of extended attributes, and the most that one holds
RESTART_SCAN, XATTR_MOST = 1, 65535


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


def beyond_range(r):
    return bool(r.attributes & ~VALID_ATTRIBUTES or r.share & ~7 or r.disposition > 5 or r.options & ~VALID_OPTIONS)


def first_fault(r):
    """The status of the first of our checks that a CREATE fails, whatever is there by its name; None: it passes them."""
    named = eas(r)
    faults = (
        (NAME_INVALID, r.name.endswith("\\.")),
        (NOT_A_DIRECTORY, stream(r) and r.options & DIRECTORY),
        (NAME_NOT_FOUND, any(r.contexts.get("TWrp", b""))),
        (ACCESS_DENIED, "ExtA" in r.contexts and r.options & NO_EAS),
        (BAD_IMPERSONATION, r.impersonation > 3),
        (ACCESS_DENIED, r.access == 0 or r.access & INVALID_ACCESS),
        (INVALID_PARAMETER, r.share & ~7 or r.disposition > 5 or r.options & ~VALID_OPTIONS),
        (NOT_SUPPORTED, r.options & UNSUPPORTED_OPTIONS),
        (INVALID_PARAMETER, r.attributes & ~VALID_ATTRIBUTES),
        (INVALID_PARAMETER, r.options & DIRECTORY and (r.options & NON_DIRECTORY or r.disposition in OVERWRITES)),
        (INVALID_PARAMETER, r.options & DIRECTORY and r.attributes & TEMPORARY),
        (PRIVILEGE_NOT_HELD, r.access & SYSTEM_SECURITY),
        (ACCESS_DENIED, r.options & DELETE_ON_CLOSE and not r.access & (DELETE | GENERIC_ALL)),
        # Only once there is a file to give it to.
        (INVALID_EA_NAME, "" in named),
    )
    return next((status for status, applies in faults if applies), None)


def several_faults(d):
    return d.theirs.status != OK and d.ours.status == first_fault(d.ours)


def unknown_bits(d):
    return d.theirs.status == OK and d.ours.status == first_fault(d.ours) == INVALID_PARAMETER and beyond_range(d.ours)


def statuses(ours, theirs, applies=lambda d: True):
    return lambda d: (d.ours.status, d.theirs.status) == (ours, theirs) and applies(d)


def directory(r):
    """Whether the request goes through a handle to a directory."""
    return r.opened is not None and bool(r.opened.fields.get("made", 0) & DIRECTORY_ATTRIBUTE)


def of_stream(r):
    return r.opened is not None and stream(r.opened)


def shown_attributes(d):
    """Those here and those there, if they are what differs."""
    if not d.field or d.field.split(".")[-1] not in ("file_attr", "attrib", "attributes"):
        return None
    return tuple(int(v, 16) & ~NORMAL_ATTRIBUTE for v in d.values)


def kept_attributes(d):
    both = shown_attributes(d)
    return both is not None and both[1] == both[0] & ~KEPT_ATTRIBUTES


def marked_again(d):
    both = shown_attributes(d)
    return both is not None and both[0] & ARCHIVE_ATTRIBUTE and both[1] in (both[0] & ~ARCHIVE_ATTRIBUTE, both[0] & ~(ARCHIVE_ATTRIBUTE | KEPT_ATTRIBUTES))


def number(r):
    return int.from_bytes(r.data[:8], "little")


def half_made(d):
    """A file, or a stream, is there that has been left over there, not here."""
    if d.ours.name.split(":")[0].lower() not in d.half_made:
        return False
    if d.field:
        return d.field == "out.create_action"
    if (d.ours.status, d.theirs.status) == (SHARING_VIOLATION, ACCESS_DENIED):
        return True
    return d.ours.status in (NAME_NOT_FOUND, OK) or d.ours.status == INVALID_PARAMETER and stream(d.ours) and bool(eas(d.ours))


def continued_eas(d):
    """Flags say to go on, or to give one only; smbd gives all, always."""
    if (d.ours.kind, d.ours.level) != (1, 0xF) or d.ours.flags & 7 == RESTART_SCAN:
        return False
    return (d.field or "").startswith("all_eas.") or d.ours.status in (NO_MORE_EAS, NONEXISTENT_EA)


def beside_streams(d):
    """Another stream of the file is open, or the file itself."""
    name = d.ours.name.lower()
    return any(n != name and n.split(":")[0] == name.split(":")[0] for n in d.open_names)


def gone(d):
    return d.theirs.status is None and d.ours.status is not None


def set_level(level, ours, theirs, applies=lambda d: True):
    return statuses(ours, theirs, lambda d: d.ours.kind == 1 and d.ours.level == level and applies(d))


def new_name(r):
    return r.data[20:20 + int.from_bytes(r.data[16:20], "little")].decode("utf-16le", "replace").lower()


def into_open_directory(d):
    """The directory of all the names is open, by one of the names that gentest has for it."""
    return any(name in d.open_names for name in ("gentest", "gentest\\blah\\.."))


def attributes_misfit(r):
    attributes = int.from_bytes(r.data[32:36], "little")
    return bool(attributes & ~VALID_ATTRIBUTES or attributes & (TEMPORARY if directory(r) else DIRECTORY_ATTRIBUTE))


RULES = [
    ("A CREATE that is wrong in several ways", CREATE, several_faults),
    ("Bits that CREATE does not have", CREATE, unknown_bits),
    ("Overwriting a directory", CREATE, statuses(COLLISION, INVALID_PARAMETER, lambda d: d.ours.disposition in OVERWRITES)),
    ("Reading and writing a directory", WRITE,
     lambda d: directory(d.ours) and d.ours.status == INVALID_DEVICE_REQUEST and d.theirs.status in (ACCESS_DENIED, INVALID_PARAMETER)),
    ("A WRITE of no bytes", WRITE, statuses(OK, INVALID_PARAMETER, lambda d: d.ours.length == 0)),
    ("A Channel that is not there", READ, lambda d: d.ours.status == INVALID_PARAMETER and d.ours.channel),
    ("A Channel that is not there", WRITE, lambda d: d.ours.status == INVALID_PARAMETER and d.ours.channel),
    ("Streams larger than an extended attribute", WRITE, 
     lambda d: of_stream(d.ours) and d.ours.status == OK and d.theirs.status in (FILE_SYSTEM_LIMITATION, DISK_FULL)),
    ("Streams larger than an extended attribute", SET_INFO,
     lambda d: of_stream(d.ours) and d.ours.level in (0x13, 0x14) and d.ours.status == OK and
     (d.theirs.status == DISK_FULL or d.theirs.status == ACCESS_DENIED and number(d.ours) > XATTR_MOST)),
    ("What a CREATE that failed leaves", CREATE, half_made),
    ("What a CREATE that failed leaves", SET_INFO, set_level(0xA, OK, COLLISION, lambda d: new_name(d.ours) in d.half_made)),
    ("DELETE_ON_CLOSE with GENERIC_ALL", CREATE,
     lambda d: d.theirs.status == INVALID_PARAMETER and d.ours.options & DELETE_ON_CLOSE and d.ours.access & (GENERIC_ALL | DELETE) == GENERIC_ALL),
    ("Locks on streams", WRITE, statuses(FILE_LOCK_CONFLICT, OK, lambda d: of_stream(d.ours))),
    ("Locks on streams", READ, statuses(FILE_LOCK_CONFLICT, OK, lambda d: of_stream(d.ours))),
    ("Extended attributes through a stream", QUERY_INFO,
     lambda d: of_stream(d.ours) and (d.ours.kind, d.ours.level) == (1, 0xF) and d.theirs.status == INVALID_PARAMETER),
    ("Extended attributes through a stream", SET_INFO, set_level(0xF, OK, INVALID_PARAMETER, lambda d: of_stream(d.ours))),
    ("Attributes that are kept", None, kept_attributes),
    ("Marks for the archive", None, marked_again),
    ("Extended attributes, continued", QUERY_INFO, continued_eas),
    ("Renaming a file through a stream", SET_INFO, lambda d: of_stream(d.ours) and (d.ours.level, d.ours.status) == (0xA, SHARING_VIOLATION)),
    ("smbd ends the connection", None, gone),
    ("A descriptor for a stream", CREATE, lambda d: stream(d.ours) and "SecD" in d.ours.contexts and d.theirs.status == ACCESS_DENIED),
    ("FileNameInformation", QUERY_INFO, statuses(NOT_SUPPORTED, OK, lambda d: (d.ours.kind, d.ours.level) == (1, 9))),
    ("The size of a directory", SET_INFO, set_level(0x13, INVALID_PARAMETER, OK, lambda d: directory(d.ours))),
    ("The size of a directory", SET_INFO, lambda d: (d.ours.level, d.ours.status) == (0x14, INVALID_PARAMETER) and
     directory(d.ours) and d.theirs.status in (OK, INVALID_HANDLE)),
    ("Attributes that do not fit", SET_INFO, set_level(4, INVALID_PARAMETER, OK, lambda d: attributes_misfit(d.ours))),
    ("The order of extended attributes", QUERY_INFO, lambda d: (d.field or "").startswith("all_eas.out.eas")),
    ("Taking back a deletion without the right to delete", SET_INFO, set_level(0xD, ACCESS_DENIED, OK, lambda d: not d.ours.data[0])),
    ("Renaming without the right to delete", SET_INFO,
     lambda d: (d.ours.level, d.ours.status) == (0xA, ACCESS_DENIED) and not d.ours.opened.access & (DELETE | MAXIMUM_ALLOWED | GENERIC_ALL)),
    ("Dots in a new name", SET_INFO, lambda d: d.ours.level == 0xA and d.ours.status in (PATH_SYNTAX_BAD, NAME_INVALID) and
     new_name(d.ours).split("\\")[-1] in (".", "..")),
    ("A directory given by its handle in a rename", SET_INFO, set_level(0xA, INVALID_PARAMETER, OK, lambda d: any(d.ours.data[8:16]))),
    ("Renaming onto a file that is open", SET_INFO, set_level(0xA, ACCESS_DENIED, OK, lambda d: d.ours.data[0] and new_name(d.ours) in d.open_names)),
    ("Renaming into a directory that is not shared", SET_INFO, set_level(0xA, SHARING_VIOLATION, OK, into_open_directory)),
    ("A snapshot that is not there", CREATE, lambda d: d.ours.status == NAME_NOT_FOUND == first_fault(d.ours) and any(d.ours.contexts.get("TWrp", b""))),
    ("The mandatory label", QUERY_INFO, statuses(ACCESS_DENIED, OK, lambda d: d.ours.kind == 3 and d.ours.additional & 0x1F == 0x10)),
    ("Sharing between a file and its streams", CREATE, lambda d: d.ours.status == SHARING_VIOLATION and beside_streams(d) and
     (d.theirs.status == OK or d.theirs.status == INVALID_PARAMETER and stream(d.ours) and eas(d.ours))),
    ("Locks on a directory", LOCK, statuses(INVALID_PARAMETER, INVALID_DEVICE_REQUEST, lambda d: directory(d.ours))),
    ("A name that is about to go", CREATE, statuses(DELETE_PENDING, COLLISION, lambda d: d.ours.disposition == 2)),
    ("Closing a directory that cannot go", CLOSE, statuses(OK, DIRECTORY_NOT_EMPTY, lambda d: directory(d.ours))),
    ("Streams, asked for through a stream", QUERY_INFO,
     statuses(OK, INVALID_PARAMETER, lambda d: of_stream(d.ours) and (d.ours.kind, d.ours.level) == (1, 0x16))),
    ("The name of a stream", QUERY_INFO, lambda d: of_stream(d.ours) and d.field in ("all_info2.out.fname", "all_info.out.fname")),
    ("Short names", QUERY_INFO, statuses(NAME_NOT_FOUND, OK, lambda d: (d.ours.kind, d.ours.level) == (1, 0x15))),
]


def explained(difference):
    for heading, command, applies in RULES:
        if command in (None, difference.ours.command) and applies(difference):
            return heading
    return None
