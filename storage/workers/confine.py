"""What a worker gives up before it sees the first stranger's byte. Runs inside the worker.

As root it becomes nobody. Then (Linux on x86-64 and ARM64) seccomp refuses it every way out: files, sockets, programs, other
processes. What it was given by the service, it was given open. Elsewhere the limits and the clean environment remain.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys

NOBODY = 65_534
_NO_NEW_PRIVILEGES, _SECCOMP, _DUMPABLE, _FILTER = 38, 22, 4, 2
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM
_LOAD, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000  # a second set of numbers for the same calls

# name -> (x86-64, ARM64); None: this processor has no such call. Numbers: Linux, asm/unistd.h.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "creat": (85, None), "open_by_handle_at": (304, 265),
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None), "clone": (56, 220),
    "clone3": (435, 435), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "mount": (165, 40), "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "keyctl": (250, 219), "add_key": (248, 217),
    "io_uring_setup": (425, 425), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "symlink": (88, None),
    "symlinkat": (266, 36), "mkdir": (83, None), "mkdirat": (258, 34), "chmod": (90, None), "fchmodat": (268, 53),
    "chown": (92, None), "fchownat": (260, 54), "truncate": (76, 45),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def ceilings(memory_bytes: int) -> None:
    """Hard limits for the whole life of the process; called before anything is imported that reads files."""
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        resource.setrlimit(kind, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


def confine() -> list[str]:
    """Give up all that can be given up here; returns what was: nobody, no_new_privileges, seccomp."""
    given_up = []
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        given_up.append("nobody")
    if not sys.platform.startswith("linux"):
        return given_up
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
        given_up.append("no_new_privileges")
        if _filtered(libc):
            given_up.append("seccomp")
    return given_up


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filtered(libc: ctypes.CDLL) -> bool:
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    column, architecture = machine
    numbers = [row[column] for row in _REFUSED.values()]
    refused = sorted(number for number in numbers if number is not None)
    program = _written(refused, architecture, x32=column == 0)
    filled = _Program(len(program) // 8, program)
    return bool(libc.prctl(_SECCOMP, _FILTER, ctypes.byref(filled), 0, 0) == 0)


def _written(refused: list[int], architecture: int, *, x32: bool) -> bytes:
    """A deny list as classic BPF over ``struct seccomp_data`` (number at 0, architecture at 4)."""

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    steps = [
        step(_LOAD, 4),
        step(_EQUALS, architecture, 1, 0),
        step(_RETURN, _KILL),
        step(_LOAD, 0),
    ]
    left = len(refused) + (1 if x32 else 0)
    if x32:
        steps.append(step(_AT_LEAST, _X32, left, 0))
        left -= 1
    for number in refused:
        steps.append(step(_EQUALS, number, left, 0))
        left -= 1
    steps += [step(_RETURN, _ALLOW), step(_RETURN, _REFUSE)]
    return b"".join(steps)
