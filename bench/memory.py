"""Pages of this machine's own. The host of a virtual machine takes back what lies free in large blocks for a second or two, and whoever needs such a page
next waits for it: 1 GiB into a new file of tmpfs then takes 0.5 to 1.6 seconds instead of 0.4, as it happens, for either side. Free pages between which
others are in use do not go back."""
import ctypes
import os

BLOCK = 1 << 20
KEPT = 4096  # of each block
PUNCH_HOLE = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE


def available_mib():
    with open("/proc/meminfo") as f:
        fields = dict(line.split(":") for line in f)
    return int(fields["MemAvailable"].split()[0]) >> 10


def keep_pages(path, mib):
    """Leaves so many MiB free, a third of what there is at most, between pages of that file, which is on a tmpfs, for as long as it is there. They lie
    where they come to lie: to read much that is in them is slower."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
    blocks, data = min(mib, available_mib() // 3), bytes(BLOCK)
    with open(path, "wb", buffering=0) as f:
        for _ in range(blocks):
            f.write(data)
        for i in range(blocks):
            if libc.fallocate(f.fileno(), PUNCH_HOLE, i * BLOCK + KEPT, BLOCK - KEPT) != 0:
                raise OSError(ctypes.get_errno(), "cannot free pages of the bench's file")
