"""``python -m tests.confinement.lacking CALL[,CALL…] MODULE …`` runs a module as on a kernel that
does not have these system calls."""

from __future__ import annotations

import ctypes
import os
import struct
import sys

from confinement import bpf
from confinement.bpf import Rule
from confinement.numbers import known_architecture
from confinement.system import PR_SET_NO_NEW_PRIVS, address_of, call, prctl


def lack(names: list[str]) -> None:
    architecture = known_architecture()
    rules = [Rule(architecture.numbers[name], bpf.NOT_THERE) for name in names]
    program = bpf.assembled(architecture.audit, rules, bpf.ALLOW)
    code = ctypes.create_string_buffer(program, len(program))
    whole = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    )
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    call(architecture.numbers["seccomp"], 1, 0, address_of(whole))


if __name__ == "__main__":
    lack(sys.argv[1].split(","))
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[2:]])
