"""A small assembler for filters of system calls (linux/filter.h, linux/seccomp.h).

A filter is a list of rules, one a system call. Every rule is closed in itself, so no jump leaves
it and none is longer than the eight bits that a conditional jump has.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass

ALLOW = 0x7FFF0000
NOTIFY = 0x7FC00000
KILL_PROCESS = 0x80000000


def refuse(number: int) -> int:
    """The action that answers with this ``errno``."""
    return 0x00050000 | number


NOT_THERE = refuse(errno.ENOSYS)

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06  # 32-bit word of the data; the constant
_IF_EQUAL, _IF_AT_LEAST = 0x15, 0x35
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # places in struct seccomp_data
_X32 = 0x40000000  # numbers of x86-64's second table, which we have no use for


@dataclass(frozen=True)
class Condition:
    """Whether ``argument & mask == value``. Arguments are 64 bits wide; of a pointer both halves
    count, of an ``int`` the kernel looks at the lower one only, and so do we unless ``wide``."""

    argument: int
    value: int
    mask: int = 0xFFFFFFFF
    wide: bool = False


@dataclass(frozen=True)
class Clause:
    """The action that is taken when every condition holds."""

    conditions: Sequence[Condition]
    action: int


@dataclass(frozen=True)
class Rule:
    """The first clause that holds; ``otherwise`` if there is none."""

    number: int
    otherwise: int
    clauses: Sequence[Clause] = ()


def assembled(audit: int, rules: Sequence[Rule], default: int) -> bytes:
    """The program: another architecture's calls end the process, calls without a rule get
    ``default``."""
    code = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_IF_EQUAL, audit, then=1),
        _instruction(_RETURN, KILL_PROCESS),
        _instruction(_LOAD, _NUMBER),
        _instruction(_IF_AT_LEAST, _X32, otherwise=1),
        _instruction(_RETURN, KILL_PROCESS),
    ]
    for rule in rules:
        body = _body(rule)
        code += [_instruction(_IF_EQUAL, rule.number, otherwise=len(body)), *body]
    return b"".join([*code, _instruction(_RETURN, default)])


def _body(rule: Rule) -> list[bytes]:
    found = []
    for clause in rule.clauses:
        found += _clause(clause)
    return [*found, _instruction(_RETURN, rule.otherwise)]


def _clause(clause: Clause) -> list[bytes]:
    """Backwards, so that each comparison knows how far the end is."""
    code = [_instruction(_RETURN, clause.action)]
    for each in reversed(clause.conditions):
        low = _ARGUMENTS + 8 * each.argument
        if each.wide:
            code = _comparison(low + 4, each.value >> 32, 0xFFFFFFFF, len(code)) + code
        code = _comparison(low, each.value & 0xFFFFFFFF, each.mask, len(code)) + code
    return code


def _comparison(place: int, value: int, mask: int, rest: int) -> list[bytes]:
    compare = _instruction(_IF_EQUAL, value, otherwise=rest)
    if mask == 0xFFFFFFFF:
        return [_instruction(_LOAD, place), compare]
    return [_instruction(_LOAD, place), _instruction(_AND, mask), compare]


def _instruction(code: int, constant: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    """Raises struct.error for a jump of more than 255."""
    return struct.pack("=HBBI", code, then, otherwise, constant)
