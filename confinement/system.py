"""System calls that Python has no function for, by ctypes. Failures are OSError."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38

Argument = int | ctypes.c_void_p | None

_libc = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: Argument) -> int:
    """The system call of that number; its result. Raises OSError."""
    passed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = _syscall(ctypes.c_long(number), *passed)
    if result < 0:
        raise _failure(f"system call {number}")
    return result


def prctl(option: int, value: int = 0) -> int:
    """Raises OSError."""
    zero = ctypes.c_ulong(0)
    result: int = _libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero)
    if result < 0:
        raise _failure(f"prctl {option}")
    return result


def address_of(data: ctypes.Structure | ctypes.Array[ctypes.c_char]) -> ctypes.c_void_p:
    """Of memory that must outlive the call."""
    return ctypes.cast(ctypes.byref(data), ctypes.c_void_p)


def is_linux() -> bool:
    return sys.platform == "linux"


def _failure(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what} failed: {os.strerror(number)}")


_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
