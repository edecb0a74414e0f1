"""Other processes and programs."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys

from tests.confinement.attacks.trying import PARENT, Tries, buffer, raw

attack = Tries()


@attack
def run_a_shell() -> object:
    return subprocess.run(["/bin/sh", "-c", "id"], check=True)


@attack
def become_a_shell() -> object:
    return os.execv("/bin/sh", ["sh", "-c", "exit 99"])


@attack
def become_a_program_by_descriptor() -> object:
    return os.execve(os.open(sys.executable, os.O_RDONLY), ["python", "-c", ""], {})


@attack
def fork() -> object:
    if (child := os.fork()) == 0:
        os._exit(0)
    return os.waitpid(child, 0)


@attack
def fork_modern() -> object:
    arguments = buffer(struct.pack("=11Q", *([0] * 4), signal.SIGCHLD, *([0] * 6)))
    return raw("clone3", arguments, 88)


@attack
def fork_sharing_memory() -> object:
    return raw("clone", 0x100 | 0x800, 0, 0, 0, 0)  # no thread: VM and SIGHAND alone


@attack
def leave_the_session() -> object:
    return os.setsid()


@attack
def leave_the_group() -> object:
    return os.setpgid(0, PARENT)


@attack
def kill_the_parent() -> object:
    return os.kill(PARENT, signal.SIGTERM)


@attack
def probe_the_parent() -> object:
    return os.kill(PARENT, 0)


@attack
def kill_everybody() -> object:
    return os.kill(-1, signal.SIGTERM)


@attack
def kill_a_thread_of_the_parent() -> object:
    return raw("tgkill", PARENT, PARENT, int(signal.SIGTERM))


@attack
def kill_by_thread_number() -> object:
    return raw("tkill", PARENT, int(signal.SIGTERM))


@attack
def queue_a_signal() -> object:
    return raw("rt_sigqueueinfo", PARENT, int(signal.SIGTERM), buffer(b"\0" * 128))


@attack
def signal_by_file_owner() -> object:
    reading, _writing = os.pipe()
    return fcntl.fcntl(reading, fcntl.F_SETOWN, PARENT)


@attack
def signal_by_descriptor() -> object:
    return os.pidfd_open(PARENT)


@attack
def trace_the_parent() -> object:
    return raw("ptrace", 16, PARENT, 0, 0)


@attack
def be_traced() -> object:
    return raw("ptrace", 0, 0, 0, 0)


@attack
def read_foreign_memory() -> object:
    vector = buffer(struct.pack("=QQ", 0x1000, 8))
    return raw("process_vm_readv", PARENT, vector, 1, vector, 1, 0)


@attack
def write_foreign_memory() -> object:
    vector = buffer(struct.pack("=QQ", 0x1000, 8))
    return raw("process_vm_writev", PARENT, vector, 1, vector, 1, 0)


@attack
def limit_the_parent() -> object:
    return raw("prlimit64", PARENT, 0, buffer(struct.pack("=QQ", 1, 1)), None)


@attack
def raise_our_own_limits() -> object:
    return raw("prlimit64", 0, 4, buffer(struct.pack("=QQ", 1 << 40, 1 << 40)), None)


@attack
def pin_the_parent() -> object:
    return os.sched_setaffinity(PARENT, {0})


@attack
def slow_the_parent() -> object:
    return os.setpriority(os.PRIO_PROCESS, PARENT, 19)


@attack
def outlive_the_worker() -> object:
    return raw("prctl", 1, 0, 0, 0, 0)  # no signal at the parent's death


@attack
def hide_from_the_worker() -> object:
    return raw("prctl", 4, 0, 0, 0, 0)  # not dumpable: its memory and files cannot be looked at
