"""Installs the filter of system calls."""

from __future__ import annotations

import ctypes
import struct
from contextlib import suppress

from confinement import bpf
from confinement.numbers import Architecture, known_architecture, this_architecture
from confinement.rules import REPORTED, SILENT, Allowance, rules
from confinement.system import address_of, call

_SET_FILTER, _ACTION_AVAILABLE = 1, 2
_ALL_THREADS = 1 << 0
_LISTENED = _ALL_THREADS | 1 << 3 | 1 << 4  # a new listener; ESRCH for a thread that resists
_INSTRUCTION = 8


def is_available() -> bool:
    """Whether the kernel takes filters that end a process."""
    return _knows(bpf.KILL_PROCESS)


def install(allowed: Allowance, *, listened: bool) -> int | None:
    """Filters the calls of all threads of this process, for good. Needs ``no_new_privs``.

    With ``listened`` it returns the descriptor that reports calls (``reports.py``): whoever holds
    it may also let calls pass, so it must be given away and closed before strangers' bytes are
    read. Without, and where the kernel cannot report (before 5.7, or because another one listens
    already), it returns None and a hostile call ends the process with SIGSYS. Raises OSError.
    """
    if listened:
        with suppress(OSError):
            return _install(allowed, _LISTENED)
    _install(allowed, _ALL_THREADS)
    return None


def _install(allowed: Allowance, flags: int) -> int:
    architecture = known_architecture()
    program = _program(architecture, allowed, listened=flags == _LISTENED)
    code = ctypes.create_string_buffer(program, len(program))
    pointer = ctypes.addressof(code)
    whole = ctypes.create_string_buffer(struct.pack("@HP", len(program) // _INSTRUCTION, pointer))
    found = call(architecture.numbers["seccomp"], _SET_FILTER, flags, address_of(whole))
    if found > 0 and flags != _LISTENED:
        raise OSError(f"thread {found} cannot be confined")
    return found


def _program(architecture: Architecture, allowed: Allowance, *, listened: bool) -> bytes:
    actions = REPORTED if listened else SILENT
    found = rules(architecture, allowed, actions)
    return bpf.assembled(architecture.audit, found, actions.unknown)


def _knows(action: int) -> bool:
    architecture = this_architecture()
    if architecture is None:
        return False
    wanted = ctypes.create_string_buffer(struct.pack("=I", action), 4)
    try:
        call(architecture.numbers["seccomp"], _ACTION_AVAILABLE, 0, address_of(wanted))
    except OSError:
        return False
    return True
