"""The filter itself, run by a small interpreter, for both architectures: one that this machine is
not can be checked so too."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confinement import bpf
from confinement.bpf import ALLOW, KILL_PROCESS, NOTIFY, Clause, Condition, Rule
from confinement.calls import FREE, HOSTILE, NAMING, QUIET, SUSPICIOUS
from confinement.numbers import ARCHITECTURES, Architecture
from confinement.rules import REPORTED, SILENT, Actions, Allowance, rules, verdict

THREAD = 0x3D0F00  # what the C library passes to clone for a thread
OURS = os.getpid()
OTHER = OURS + 1
every_architecture = pytest.mark.parametrize(
    "architecture", ARCHITECTURES.values(), ids=ARCHITECTURES.keys()
)


def run(program: bytes, audit: int, number: int, arguments: Sequence[int] = ()) -> int:
    """The action for a call, as the kernel finds it (linux/bpf_common.h)."""
    padded = [each & (1 << 64) - 1 for each in (*arguments, *[0] * 6)][:6]
    data = struct.pack("=iIQ6Q", number, audit, 0, *padded)
    accumulator = place = 0
    while True:
        code, then, otherwise, constant = struct.unpack_from("=HBBI", program, place * 8)
        place += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, constant)
            case 0x54:
                accumulator &= constant
            case 0x15:
                place += then if accumulator == constant else otherwise
            case 0x35:
                place += then if accumulator >= constant else otherwise
            case 0x06:
                return constant
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


class Filter:
    def __init__(
        self,
        architecture: Architecture,
        actions: Actions = REPORTED,
        allowance: Allowance | None = None,
    ) -> None:
        self._architecture = architecture
        found = rules(architecture, allowance or Allowance(), actions)
        self.program = bpf.assembled(architecture.audit, found, actions.unknown)

    def __call__(self, name: str, *arguments: int) -> int:
        number = self._architecture.numbers[name]
        return run(self.program, self._architecture.audit, number, arguments)


@every_architecture
def test_no_call_is_in_two_lists(architecture: Architecture) -> None:
    lists = [FREE, NAMING, frozenset(QUIET), SUSPICIOUS, HOSTILE]
    assert sum(map(len, lists)) == len(frozenset().union(*lists))
    numbers = [rule.number for rule in rules(architecture, Allowance(), REPORTED)]
    assert len(numbers) == len(set(numbers))


def test_every_call_in_a_list_has_a_number_somewhere() -> None:
    known = frozenset().union(*(each.numbers for each in ARCHITECTURES.values()))
    assert FREE | NAMING | QUIET.keys() | SUSPICIOUS | HOSTILE <= known


@every_architecture
def test_numbers_are_of_one_call_each(architecture: Architecture) -> None:
    assert len(set(architecture.numbers.values())) == len(architecture.numbers)


@every_architecture
def test_a_program_fits_the_kernel(architecture: Architecture) -> None:
    assert len(Filter(architecture).program) // 8 <= 4096


@every_architecture
def test_less_than_half_of_the_calls_can_be_made(architecture: Architecture) -> None:
    found = rules(architecture, Allowance(), SILENT)
    some = [rule for rule in found if ALLOW in (rule.otherwise, *(c.action for c in rule.clauses))]
    assert len(some) < len(architecture.numbers) / 2


@every_architecture
def test_calls_of_other_tables_end_the_process(architecture: Architecture) -> None:
    program = Filter(architecture).program
    others = [each.audit for each in ARCHITECTURES.values() if each is not architecture]
    for audit in (*others, 0x40000003, 0x40000028):  # i386, arm
        assert run(program, audit, architecture.numbers["read"]) == KILL_PROCESS
    assert run(program, architecture.audit, 0x40000000) == KILL_PROCESS


@every_architecture
def test_lists_mean_what_they_say(architecture: Architecture) -> None:
    reported, silent = Filter(architecture), Filter(architecture, SILENT)
    for name in architecture.numbers.keys() & FREE:
        assert reported(name) == silent(name) == ALLOW
    for name in architecture.numbers.keys() & (QUIET.keys() - {"sched_setaffinity"}):
        assert reported(name) == silent(name) == bpf.refuse(QUIET[name])
    for name in architecture.numbers.keys() & HOSTILE:
        assert reported(name) == NOTIFY
        assert silent(name) == KILL_PROCESS


@every_architecture
@given(number=st.integers(470, 0x3FFFFFFF))
def test_what_nobody_has_heard_of_is_refused(architecture: Architecture, number: int) -> None:
    assert run(Filter(architecture).program, architecture.audit, number) == NOTIFY
    silent = Filter(architecture, SILENT).program
    assert run(silent, architecture.audit, number) == bpf.NOT_THERE


@every_architecture
@pytest.mark.parametrize(
    ("call", "arguments", "allowed"),
    [
        ("clone", (THREAD,), True),
        ("clone", (0x11,), False),  # SIGCHLD: a process
        ("clone", (0x4111,), False),  # vfork
        ("clone", (THREAD & ~0x10000,), False),  # shares all and is no thread
        ("clone", (THREAD | 0x10000000,), False),  # in a new user namespace
        ("clone", (THREAD | 0x1000,), False),  # with a pidfd
        ("kill", (OURS, 9), True),
        ("kill", (0, 9), True),
        ("kill", (OTHER, 9), False),
        ("kill", (-1, 9), False),
        ("tgkill", (OURS, OURS, 9), True),
        ("tgkill", (OTHER, OTHER, 9), False),
        ("prlimit64", (0, 7, 0, 1), True),
        ("prlimit64", (0, 7, 1 << 32, 0), False),  # an address whose lower half is 0
        ("prlimit64", (OTHER, 7, 0, 1), False),
        ("mmap", (0, 1 << 20, 3, 0x22), True),  # private
        ("mmap", (0, 1 << 20, 3, 0x01), True),  # of a file
        ("mmap", (0, 1 << 20, 3, 0x21), False),
        ("mmap", (0, 1 << 20, 3, 0x23), False),  # MAP_SHARED_VALIDATE
        ("mmap", (0, 1 << 20, 3, 0x100021), False),  # and a flag more
        ("socket", (2, 1), False),
        ("socket", (1, 1), False),
        ("fcntl", (3, 4), True),
        ("fcntl", (3, 6), False),  # F_SETLK
        ("fcntl", (3, 37), False),  # F_OFD_SETLK
        ("fcntl", (3, 8), False),  # F_SETOWN
        ("fcntl", (3, 10), False),  # F_SETSIG
        ("fcntl", (3, 1024), False),  # F_SETLEASE
        ("ioctl", (3, 0x5401), True),
        ("ioctl", (3, 0x5412), False),  # TIOCSTI
        ("ioctl", (3, 0x8901), False),  # FIOSETOWN
        ("prctl", (15,), True),
        ("prctl", (1,), False),  # PR_SET_PDEATHSIG
        ("prctl", (4,), False),  # PR_SET_DUMPABLE
        ("prctl", (22,), False),  # PR_SET_SECCOMP
        ("prctl", (0x59616D61,), False),  # PR_SET_PTRACER
        ("sendmsg", (0,), False),
        ("sched_setaffinity", (0,), True),
        ("sched_setaffinity", (OTHER,), False),
    ],
)
def test_where_the_arguments_decide(
    architecture: Architecture, call: str, arguments: tuple[int, ...], *, allowed: bool
) -> None:
    assert (Filter(architecture)(call, *arguments) == ALLOW) == allowed
    assert (Filter(architecture, SILENT)(call, *arguments) == ALLOW) == allowed


@every_architecture
def test_opening_is_landlocks_but_for_what_it_forgets(architecture: Architecture) -> None:
    reported, silent = Filter(architecture), Filter(architecture, SILENT)
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT | os.O_TRUNC):
        assert reported("openat", 0, 1, flags) == NOTIFY
        assert silent("openat", 0, 1, flags) == ALLOW
    for flags in (os.O_RDONLY | os.O_TRUNC, 0o20000000 | os.O_RDWR):
        for found in (reported, silent):
            assert found("openat", 0, 1, flags) not in (ALLOW, NOTIFY)


@every_architecture
def test_an_inherited_socket_is_the_only_one(architecture: Architecture) -> None:
    child = Filter(architecture, REPORTED, Allowance(socket=0))
    assert child("sendmsg", 0) == ALLOW
    assert child("sendmsg", 3) == child("recvmsg", 0) == child("sendto", 0) == NOTIFY
    engine = Filter(architecture, SILENT, Allowance(socket=5, conversing=True))
    for name in ("sendmsg", "recvmsg", "sendto", "recvfrom"):
        assert engine(name, 5) == ALLOW
        assert engine(name, 6) != ALLOW


@every_architecture
def test_programs_take_a_word_of_the_operator(architecture: Architecture) -> None:
    gpu = Filter(architecture, SILENT, Allowance(gpu=True))
    assert gpu("ioctl", 3, 0x46) == ALLOW
    for name in ("execve", "clone"):
        assert gpu(name, 0x11) == bpf.refuse(1)
        assert Filter(architecture, SILENT, Allowance(gpu=True, programs=True))(name, 0x11) == ALLOW


@every_architecture
def test_a_report_is_understood(architecture: Architecture) -> None:
    def of(name: str, *arguments: int, gpu: bool = False) -> tuple[bool, bool]:
        padded = (*arguments, 0, 0, 0, 0, 0, 0)
        found = verdict(architecture, architecture.numbers[name], padded, gpu=gpu)
        assert found.call == name
        return found.passes, found.hostile

    assert of("openat") == (True, False)
    assert of("ptrace") == (False, True)
    assert of("execve") == (False, True)
    assert of("execve", gpu=True) == (False, False)
    assert of("socket", 1) == (False, False)
    assert of("socket", 2) == (False, True)
    assert of("mseal") == (False, False)
    for name in architecture.numbers.keys() - NAMING:
        assert of(name)[0] is False  # only Landlock lets pass


arguments = st.integers(0, (1 << 64) - 1)


@given(
    value=arguments,
    asked=arguments,
    mask=st.sampled_from([0xFFFFFFFF, 0xFF, 0x80000000]),
    wide=st.booleans(),
)
def test_a_comparison_is_of_both_halves_or_of_one(
    value: int, asked: int, mask: int, *, wide: bool
) -> None:
    test = Condition(
        2, value if wide else value & mask, mask=0xFFFFFFFF if wide else mask, wide=wide
    )
    program = bpf.assembled(1, [Rule(5, 0, [Clause([test], ALLOW)])], 0)
    for argument in (asked, value):
        expected = argument == value if wide else argument & mask == value & mask
        assert (run(program, 1, 5, (0, 0, argument)) == ALLOW) == expected
