"""Memory that no limit counts."""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
from pathlib import Path

from tests.confinement.attacks.trying import FOLDER, Tries, buffer, place, raw

attack = Tries()


@attack
def shared_memory() -> object:
    """What is given back of it but for one page is still there."""
    return mmap.mmap(-1, 1 << 20)


@attack
def shared_memory_of_the_zero_device() -> object:
    with Path("/dev/zero").open("rb") as zero:
        return mmap.mmap(zero.fileno(), 1 << 20, mmap.MAP_SHARED, mmap.PROT_READ)


@attack
def locks_of_records() -> object:
    """One for every other byte of a file, in memory of the kernel."""
    with (FOLDER / "out" / "locked").open("wb") as file:
        return fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)


@attack
def locks_of_records_by_description() -> object:
    with (FOLDER / "out" / "locked").open("wb") as file:
        lock = struct.pack("=hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
        return fcntl.fcntl(file, 37, lock)  # F_OFD_SETLK


@attack
def descriptors_under_way() -> object:
    """They count against the user, so that no other job could give away its own."""
    reading, _writing = os.pipe()
    rights = struct.pack("=QiiiI", 20, socket.SOL_SOCKET, socket.SCM_RIGHTS, reading, 0)
    word = struct.pack("=QQ", place(b"x"), 1)
    message = struct.pack("=QQQQQQQ", 0, 0, place(word), 1, place(rights), len(rights), 0)
    return raw("sendmsg", 0, buffer(message), 0)


@attack
def be_the_last_to_be_killed() -> object:
    """For want of memory: another process would be, the worker's."""
    return Path("/proc/self/oom_score_adj").write_text("-1000")
