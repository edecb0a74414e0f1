# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH208, PTH211
"""Attacks from inside: a process confines itself as a job's does, then tries each, and says what
came of it as one JSON object a line. ``python -m tests.confinement.attacks FOLDER``, with a socket
as standard input and a description of what there is to attack in ``TARGETS``.

An attack returns normally if it succeeded, and raises OSError if it was refused.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confinement import Allowance, Files, Mode, confine_calls, confine_files, landlock
from confinement.numbers import known_architecture
from confinement.reports import give_away
from confinement.system import address_of, call

TARGETS: dict[str, Any] = json.loads(os.environ.get("TARGETS", "{}"))
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
ATTACKS: dict[str, Callable[[], object]] = {}

Attack = Callable[[], object]


def attack(work: Attack) -> Attack:
    ATTACKS[work.__name__] = work
    return work


def raw(name: str, *arguments: Any) -> int:
    """A system call by its name; the architecture may lack it."""
    numbers = known_architecture().numbers
    if name not in numbers:
        raise OSError(errno.ENOSYS, name)
    return call(numbers[name], *arguments)


def buffer(content: bytes) -> Any:
    made = ctypes.create_string_buffer(content)
    KEPT.append(made)
    return address_of(made)


def place(content: bytes) -> int:
    buffer(content)
    return ctypes.addressof(KEPT[-1])


KEPT: list[Any] = []
PARENT = os.getppid()

# Reading what is not ours


@attack
def read_the_table_of_users() -> object:
    return Path("/etc/passwd").read_text()


@attack
def read_a_secret() -> object:
    return Path(TARGETS["secret"]).read_text()


@attack
def read_another_jobs_file() -> object:
    return Path(TARGETS["other"], "in", "model").read_text()


@attack
def list_another_jobs_folder() -> object:
    return os.listdir(TARGETS["other"])


@attack
def list_the_folder_of_all_jobs() -> object:
    return os.listdir(FOLDER.parent)


@attack
def list_the_root() -> object:
    return os.listdir("/")


@attack
def list_home() -> object:
    return os.listdir(TARGETS["home"])


@attack
def list_processes() -> object:
    return os.listdir("/proc")


@attack
def read_through_a_dotted_path() -> object:
    return (FOLDER / "out" / ".." / ".." / "secret").read_text()


@attack
def read_through_our_own_root() -> object:
    return Path(f"/proc/self/root{TARGETS['secret']}").read_text()


@attack
def read_through_a_link_that_was_there() -> object:
    return (FOLDER / "out" / "link").read_text()


@attack
def read_the_parents_environment() -> object:
    return Path(f"/proc/{PARENT}/environ").read_bytes()


@attack
def read_the_parents_memory() -> object:
    return Path(f"/proc/{PARENT}/mem").open("rb")


@attack
def read_the_parents_command_line() -> object:
    return Path(f"/proc/{PARENT}/cmdline").read_bytes()


@attack
def read_the_parents_files() -> object:
    return os.listdir(f"/proc/{PARENT}/fd")


@attack
def read_the_kernels_log() -> object:
    return raw("syslog", 3, buffer(b" " * 100), 100)


@attack
def open_by_handle() -> object:
    return raw("open_by_handle_at", -100, buffer(b"\0" * 128), 0)


@attack
def open_the_modern_way() -> object:
    how = buffer(struct.pack("=QQQ", os.O_RDONLY, 0, 0))
    return raw("openat2", -100, buffer(os.fsencode(TARGETS["secret"])), how, 24)


# Writing what is not ours


@attack
def write_outside() -> object:
    return Path(TARGETS["outside"], "new").write_text("x")


@attack
def overwrite_outside() -> object:
    return Path(TARGETS["secret"]).write_text("x")


@attack
def overwrite_our_own_inputs() -> object:
    return (FOLDER / "in" / "model").write_text("x")


@attack
def overwrite_the_job() -> object:
    return (FOLDER / "job.json").write_text("x")


@attack
def cut_short_through_reading() -> object:
    return os.open(TARGETS["secret"], os.O_RDONLY | os.O_TRUNC)


@attack
def cut_short_by_path() -> object:
    return os.truncate(TARGETS["secret"], 0)


@attack
def make_a_link_to_the_outside() -> object:
    return os.symlink("/etc", FOLDER / "out" / "etc")


@attack
def hard_link_to_a_secret() -> object:
    return os.link(TARGETS["secret"], FOLDER / "out" / "linked")


@attack
def move_a_secret_here() -> object:
    return os.rename(TARGETS["secret"], FOLDER / "out" / "moved")


@attack
def move_a_file_out() -> object:
    (FOLDER / "out" / "mine").write_text("x")
    return os.rename(FOLDER / "out" / "mine", Path(TARGETS["outside"], "mine"))


@attack
def remove_a_secret() -> object:
    return os.unlink(TARGETS["secret"])


@attack
def remove_our_own_input() -> object:
    return os.unlink(FOLDER / "in" / "model")


@attack
def make_a_folder_outside() -> object:
    return os.mkdir(Path(TARGETS["outside"], "folder"))


@attack
def write_in_the_systems_temporary_folder() -> object:
    return Path("/tmp/polarizer-attack").write_text("x")


@attack
def write_shared_memory() -> object:
    return Path("/dev/shm/polarizer-attack").write_text("x")


@attack
def change_mode() -> object:
    return os.chmod(TARGETS["secret"], 0o777)


@attack
def change_owner() -> object:
    return os.chown(FOLDER / "out", 1234, 1234)


@attack
def change_times() -> object:
    return os.utime(TARGETS["secret"], (0, 0))


@attack
def set_an_attribute() -> object:
    return os.setxattr(FOLDER / "out", "user.a", b"x")


@attack
def make_a_device() -> object:
    return os.mknod(FOLDER / "out" / "mem", 0o600 | 0o020000, os.makedev(1, 1))


@attack
def open_a_device() -> object:
    return Path(TARGETS["device"]).open("rb")


@attack
def open_a_disk() -> object:
    return Path(TARGETS["disk"]).open("rb")


@attack
def open_the_terminal() -> object:
    return Path("/dev/ptmx").open("r+b", buffering=0)


@attack
def write_a_file_without_a_name() -> object:
    return os.open(FOLDER / "out", os.O_TMPFILE | os.O_RDWR)


@attack
def memory_file() -> object:
    return os.memfd_create("hidden")


# Memory that no limit counts


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


# The network


@attack
def connect_tcp() -> object:
    return socket.create_connection(("127.0.0.1", TARGETS["tcp"]), 2)


@attack
def listen_tcp() -> object:
    return socket.create_server(("127.0.0.1", 0))


@attack
def send_udp() -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))


@attack
def ipv6() -> object:
    return socket.socket(socket.AF_INET6, socket.SOCK_STREAM)


@attack
def raw_packets() -> object:
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


@attack
def netlink() -> object:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


@attack
def connect_unix_path() -> object:
    return socket.socket(socket.AF_UNIX).connect(TARGETS["unix"])


@attack
def connect_unix_abstract() -> object:
    return socket.socket(socket.AF_UNIX).connect(TARGETS["abstract"])


@attack
def socket_pair() -> object:
    return socket.socketpair()


@attack
def send_on_standard_input() -> object:
    return raw("sendto", 0, buffer(b"x"), 1, 0, None, 0)


@attack
def virtual_sockets() -> object:
    return raw("socket", 40, 1, 0)


@attack
def kernel_cryptography() -> object:
    return raw("socket", 38, 5, 0)


# Other processes and programs


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


# The kernel


def _of_the_kernel(name: str, *arguments: Any) -> None:
    def work() -> object:
        return raw(name, *arguments)

    ATTACKS[f"kernel_{name}"] = work


for _name, *_arguments in (
    ("io_uring_setup", 8, None),
    ("io_setup", 8, None),
    ("bpf", 0, None, 0),
    ("perf_event_open", None, 0, -1, -1, 0),
    ("userfaultfd", 0),
    ("keyctl", 0, 0, 0, 0, 0),
    ("add_key", None, None, None, 0, 0),
    ("request_key", None, None, None, 0),
    ("mount", None, None, None, 0, None),
    ("umount2", None, 0),
    ("pivot_root", None, None),
    ("chroot", None),
    ("unshare", 0x10000000),
    ("setns", 0, 0),
    ("fsopen", None, 0),
    ("open_tree", -100, None, 0),
    ("init_module", None, 0, None),
    ("finit_module", 0, None, 0),
    ("kexec_load", 0, 0, None, 0),
    ("reboot", 0, 0, 0, None),
    ("swapon", None, 0),
    ("quotactl", 0, None, 0, None),
    ("acct", None),
    ("settimeofday", None, None),
    ("clock_settime", 0, None),
    ("sethostname", None, 0),
    ("setuid", 0),
    ("setresuid", 0, 0, 0),
    ("capset", None, None),
    ("personality", 0x0040000),
    ("seccomp", 1, 0, None),
    ("landlock_restrict_self", 0, 0),
    ("kcmp", 0, 0, 0, 0, 0),
    ("fanotify_init", 0, 0),
    ("inotify_init1", 0),
    ("shmget", 0, 4096, 0o1600),
    ("semget", 0, 1, 0o1600),
    ("msgget", 0, 0o1600),
    ("mq_open", None, 0o100, 0o600, None),
    ("memfd_secret", 0),
    ("vmsplice", 0, None, 0, 0),
    ("modify_ldt", 0, None, 0),
    ("iopl", 3),
    ("lookup_dcookie", 0, None, 0),
    ("name_to_handle_at", -100, None, None, None, 0),
    ("process_madvise", 0, None, 0, 0, 0),
    ("pidfd_getfd", 0, 0, 0),
    ("lsm_set_self_attr", 0, None, 0, 0),
    ("mseal", 0, 0, 0),
):
    _of_the_kernel(_name, *_arguments)

# What a job does and must go on doing


WORKS: dict[str, Callable[[], object]] = {}


def work(done: Attack) -> Attack:
    WORKS[done.__name__] = done
    return done


@work
def read_an_input() -> object:
    assert (FOLDER / "in" / "model").read_text() == "weights"


@work
def write_move_and_remove_an_output() -> object:
    partial = FOLDER / "out" / "model.partial"
    partial.write_text("x")
    partial.replace(FOLDER / "out" / "model")
    (FOLDER / "out" / "model").unlink()


@work
def scratch_folder() -> object:
    (FOLDER / "tmp" / "a").mkdir()
    return (FOLDER / "tmp" / "a").rmdir()


@work
def run_threads() -> object:
    done: list[int] = []
    threads = [threading.Thread(target=done.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 8


@work
def import_something() -> object:
    import sqlite3

    return sqlite3.sqlite_version


@work
def map_memory() -> object:
    return mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANON).close()


@work
def random_bytes() -> object:
    return Path("/dev/urandom").open("rb").read(8) + os.urandom(8)


@work
def throw_away() -> object:
    return Path("/dev/null").write_text("x")


@work
def look_at_itself() -> object:
    return Path("/proc/self/status").read_text() + Path("/proc/cpuinfo").read_text()


@work
def signal_itself() -> object:
    heard: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _frame: heard.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert len(heard) == 2


@work
def use_a_pipe() -> object:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    os.write(writing, b"x")
    return os.read(reading, 1)


def tried(what: Callable[[], object]) -> str:
    """``done``, or the name of the error."""
    try:
        what()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "done"


def main() -> None:
    files = Files(readable=[FOLDER], writable=[FOLDER / "out", FOLDER / "tmp"])
    stdin = socket.socket(fileno=0)
    known = min(landlock.version(), int(os.environ["LANDLOCK"]))
    landlock.version = lambda: known  # type: ignore[assignment]
    confine_files(files, Allowance(), Mode.REQUIRE)
    listener = confine_calls(Allowance(socket=0), Mode.REQUIRE, listened=True)
    assert listener is not None
    give_away(listener, stdin)
    stdin.detach()
    for name, what in (WORKS | ATTACKS).items():
        sys.stdout.write(json.dumps({"begins": name}) + "\n")
        sys.stdout.flush()
        result = tried(what)
        sys.stdout.write(json.dumps({"name": name, "result": result}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
