"""What a process that serves for weeks asks of its allocator and its garbage collector (ARCHITECTURE, Decisions)."""

from __future__ import annotations

import contextlib
import ctypes
import gc

# mallopt(3). Left alone, glibc gives the 300 KB of a document back to the kernel and takes them again with the next one:
# 35 page faults and a tenth of the CPU of a fetch.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
TRIM_THRESHOLD_BYTES = 16 * 2**20
MMAP_THRESHOLD_BYTES = 4 * 2**20
# A fetch makes hundreds of objects and next to no cycles: looking every 700 of them (the default) costs 4 % of it.
GC_THRESHOLD = (10_000, 20, 20)


def settle() -> None:
    """Called once, when everything that lives as long as the process has been made."""
    # Modules, models and routes are never garbage; unfrozen, every full collection walks them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)
    with contextlib.suppress(AttributeError, OSError):  # another C library has another allocator
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)
        mallopt(_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
