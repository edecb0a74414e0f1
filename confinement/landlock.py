"""Landlock: which files a process may touch, by the rights that this kernel knows.

The kernel's interface has versions; each adds rights (linux/landlock.h). A right that a kernel does
not know cannot be taken away by it; ``rules.py`` takes away what would matter.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from confinement.numbers import known_architecture, this_architecture
from confinement.system import address_of, call

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ = _READ_FILE | _READ_DIR
WRITE = READ | _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG
"""Regular files and folders; no links, devices, sockets or pipes."""
DEVICE = READ | _WRITE_FILE | _IOCTL_DEV
WRITING = _WRITE_FILE
"""The right that tells these from the first."""

_OF_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
_CREATE_VERSION = 1
_PATH_BENEATH = 1


def version() -> int:
    """Of the kernel's interface; 0 where Landlock is not to be had."""
    architecture = this_architecture()
    if architecture is None:
        return 0
    try:
        return call(architecture.numbers["landlock_create_ruleset"], None, 0, _CREATE_VERSION)
    except OSError:
        return 0


def restrict(places: Iterable[tuple[Path, int]], *, programs: bool = False) -> None:
    """Leaves this thread, and those that it starts, the rights to these places and to what lies
    beneath them, and to nothing else. Needs ``no_new_privs``. Raises OSError.

    A place that is not there gives nothing. No program may be started unless ``programs``. From
    version 4 on TCP is closed, from 6 on abstract sockets and processes outside are out of reach.
    """
    numbers, known = known_architecture().numbers, version()
    handled = _handled(known) & ~(_EXECUTE if programs else 0)
    ruleset = _create(numbers["landlock_create_ruleset"], known, handled)
    try:
        for path, rights in places:
            _add(numbers["landlock_add_rule"], ruleset, path, rights & handled)
        call(numbers["landlock_restrict_self"], ruleset, 0)
    finally:
        os.close(ruleset)


def _handled(known: int) -> int:
    """Every right on files that this version knows."""
    handled = _REFER - 1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if known >= since:
            handled |= right
    return handled


def _create(number: int, known: int, handled: int) -> int:
    network = 0b11 if known >= 4 else 0  # bind and connect
    scopes = 0b11 if known >= 6 else 0  # abstract sockets and signals
    size = 8 if known < 4 else 16 if known < 6 else 24
    attributes = ctypes.create_string_buffer(struct.pack("=QQQ", handled, network, scopes), 24)
    return call(number, address_of(attributes), size, 0)


def _add(number: int, ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return
    try:
        granted = rights if Path(f"/proc/self/fd/{place}").is_dir() else rights & _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", granted, place), 12)
        call(number, ruleset, _PATH_BENEATH, address_of(rule), 0)
    finally:
        os.close(place)
