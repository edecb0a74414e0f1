"""From the lists of ``calls.py`` to the rules of a filter, and back from a call to a verdict."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass

from confinement.bpf import ALLOW, KILL_PROCESS, NOTIFY, Clause, Condition, Rule, refuse
from confinement.calls import FREE, HOSTILE, NAMING, PROCESSES, QUIET, SUSPICIOUS, named
from confinement.numbers import Architecture

LIBRARY_SOCKETS = {1: "AF_UNIX", 16: "AF_NETLINK"}
"""The C library asks the system's name service through these (``getpwuid``)."""

_O_TMPFILE, _O_TRUNC, _O_ACCMODE = 0o20000000, 0o1000, 0o3
_THREAD = 0x00010000 | 0x00000800 | 0x00000100  # CLONE_THREAD, SIGHAND, VM
_NOT_A_THREAD = 0x7E000000 | 0x00020000 | 0x00002000 | 0x00001000  # namespaces, PTRACE, PIDFD
_FCNTL = (0, 1, 2, 3, 4, 1030, 1032, 1034)
"""Duplicates, flags, sizes and seals; no owner who would get signals, no lease, and no lock of a
record: of these a process may hold any number, in memory of the kernel that nobody limits."""
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_SHARED_AND_NEW = 0x01 | 0x20  # MAP_SHARED (and MAP_SHARED_VALIDATE), MAP_ANONYMOUS
_PRCTL = (3, 15, 16, 21, 23, 27, 30, 39, 0x53564D41)
"""What only asks, PR_SET_NAME, PR_SET_VMA."""


_Outcome = tuple[int, Sequence[Clause]]


@dataclass(frozen=True)
class Allowance:
    """What differs between confined processes.

    An inherited socket may send by ``sendmsg``; a ``conversing`` one in every way. ``gpu`` opens
    what NVIDIA's driver needs, ``programs`` starting other programs.
    """

    socket: int | None = None
    conversing: bool = False
    gpu: bool = False
    programs: bool = False


@dataclass(frozen=True)
class Actions:
    """Of the filter: for a call that names a file, that is suspicious, hostile, or unknown."""

    naming: int
    suspicious: int
    hostile: int
    unknown: int


REPORTED = Actions(NOTIFY, NOTIFY, NOTIFY, NOTIFY)
SILENT = Actions(ALLOW, refuse(errno.EPERM), KILL_PROCESS, refuse(errno.ENOSYS))


@dataclass(frozen=True)
class Verdict:
    """About a call that was reported. One that ``passes`` is Landlock's to decide; ``hostile`` is
    what no library does in order to compute."""

    call: str
    errno: int
    hostile: bool
    passes: bool = False


def rules(architecture: Architecture, allowed: Allowance, actions: Actions) -> list[Rule]:
    """One for each system call that is not unknown."""
    plain = dict.fromkeys(FREE, ALLOW) | dict.fromkeys(NAMING, actions.naming)
    plain |= {name: refuse(number) for name, number in QUIET.items()}
    plain |= dict.fromkeys(SUSPICIOUS, actions.suspicious)
    plain |= dict.fromkeys(HOSTILE, actions.hostile)
    found: dict[str, _Outcome] = {name: (action, ()) for name, action in plain.items()}
    found |= _by_argument(actions, actions.suspicious if allowed.gpu else actions.hostile)
    found |= _exceptions(allowed, actions.suspicious)
    numbers = architecture.numbers
    return [
        Rule(numbers[name], otherwise, clauses)
        for name, (otherwise, clauses) in found.items()
        if name in numbers
    ]


def _by_argument(actions: Actions, process: int) -> dict[str, _Outcome]:
    """Where it depends on the arguments; ``process`` is the action for starting one."""
    ours, hostile = os.getpid(), actions.hostile
    nobody_else = [_allow(Condition(0, 0)), _allow(Condition(0, ours))]
    return {
        "open": _opening(1, actions),
        "openat": _opening(2, actions),
        "clone": (process, [_allow(Condition(0, _THREAD, mask=_THREAD | _NOT_A_THREAD))]),
        "kill": (hostile, nobody_else),
        "tgkill": (hostile, [_allow(Condition(0, ours))]),
        "prlimit64": (
            hostile,
            [_allow(Condition(0, who), Condition(2, 0, wide=True)) for who in (0, ours)],
        ),
        "sched_setaffinity": (refuse(errno.EPERM), nobody_else),
        "mmap": (ALLOW, [_shared_memory(actions.suspicious)]),
        "socket": (
            hostile,
            [Clause([Condition(0, kind)], actions.suspicious) for kind in LIBRARY_SOCKETS],
        ),
        "fcntl": (refuse(errno.EINVAL), [_allow(Condition(1, command)) for command in _FCNTL]),
        "ioctl": (refuse(errno.ENOTTY), [_allow(Condition(1, request)) for request in _IOCTL]),
        "prctl": (refuse(errno.EINVAL), [_allow(Condition(0, option)) for option in _PRCTL]),
        "sendmsg": (hostile, ()),
        "recvmsg": (hostile, ()),
        "recvfrom": (hostile, ()),
    }


def _shared_memory(action: int) -> Clause:
    """Memory that is kept while a byte of it is mapped, whatever of it the process gave back: no
    limit of memory would see it."""
    return Clause([Condition(3, _SHARED_AND_NEW, mask=_SHARED_AND_NEW)], action)


def _opening(flags: int, actions: Actions) -> _Outcome:
    """No file without a name, which the folder's quota would not see; no file cut short through a
    descriptor that may only read (older kernels forget to ask Landlock)."""
    cut = Condition(flags, _O_TRUNC, mask=_O_TRUNC | _O_ACCMODE)
    nameless = Condition(flags, _O_TMPFILE, mask=_O_TMPFILE)
    refused = [Clause([nameless], refuse(errno.EOPNOTSUPP)), Clause([cut], refuse(errno.EPERM))]
    return actions.naming, refused


def _exceptions(allowed: Allowance, reported: int) -> dict[str, _Outcome]:
    found: dict[str, _Outcome] = {}
    if allowed.socket is not None:
        names = ["sendmsg"]
        if allowed.conversing:
            names += ["recvmsg", "recvfrom", "sendto", "shutdown", "getsockopt", "getsockname"]
        found |= {name: (reported, [_allow(Condition(0, allowed.socket))]) for name in names}
    if allowed.gpu:
        found |= dict.fromkeys(PROCESSES, (reported, ()))
        more = ("ioctl", "memfd_create", "mmap", "sched_setaffinity", "mbind", "set_mempolicy")
        found |= dict.fromkeys(more, (ALLOW, ()))
    if allowed.programs:
        found |= dict.fromkeys((*PROCESSES, "clone", "tgkill", "kill"), (ALLOW, ()))
    return found


def _allow(*conditions: Condition) -> Clause:
    return Clause(conditions, ALLOW)


_BY_ARGUMENT = named("clone kill tgkill prlimit64 socket sendmsg recvmsg recvfrom")


def verdict(
    architecture: Architecture, number: int, arguments: Sequence[int], *, gpu: bool
) -> Verdict:
    """About a call that was reported."""
    name = architecture.name_of(number)
    if name in NAMING:
        return Verdict(name, 0, hostile=False, passes=True)
    hostile = name in HOSTILE | _BY_ARGUMENT
    known = hostile or name in SUSPICIOUS | {"mmap"}
    if name == "socket" and arguments[0] & 0xFFFFFFFF in LIBRARY_SOCKETS:
        hostile = False
    if gpu and name in PROCESSES | {"clone"}:
        hostile = False
    return Verdict(name, errno.EPERM if known else errno.ENOSYS, hostile)
