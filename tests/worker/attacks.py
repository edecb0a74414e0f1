"""Attacks of a job on its worker, in the child's real frame: ``python -m tests.worker.attacks
NAME`` in a job's folder, started and heard by a real runner."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from worker.child.program import run
from worker.child.voice import Voice
from worker.events import WarningEvent
from worker.job import Job

FOREVER = 1000.0


def connect() -> None:
    socket.create_connection(("127.0.0.1", 9), 1)


def connect_in_silence() -> None:
    """Hides the error, and says that all is well."""
    try:
        connect()
    except OSError:
        time.sleep(FOREVER)


def bomb() -> None:
    while True:
        try:
            os.fork()
        except OSError:
            continue


def leave_a_daemon() -> None:
    if os.fork() == 0:
        os.setsid()
        time.sleep(FOREVER)


def kill_the_worker() -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def read_users() -> None:
    Path("/etc/passwd").read_text()


def ask_for_files_forever() -> None:
    while True:
        try:
            read_users()
        except OSError:
            continue


def one_large_file() -> None:
    with Path("out/large").open("wb") as file:
        while True:
            file.write(bytes(1 << 20))


def many_large_files() -> None:
    number = 0
    while True:
        number += 1
        Path(f"out/{number}").write_bytes(bytes(8 << 20))


def many_small_files() -> None:
    for number in range(20_000):
        Path(f"tmp/{number}").write_bytes(b"")
    time.sleep(FOREVER)


def deep_folders() -> None:
    os.chdir("tmp")
    for _ in range(100):
        Path("d").mkdir()
        os.chdir("d")
    time.sleep(FOREVER)


def files_without_a_name() -> None:
    kept = []
    for number in range(500):
        path = Path(f"tmp/{number}")
        kept.append(path.open("wb"))
        path.unlink()
        kept[-1].write(bytes(8 << 20))
        kept[-1].flush()
    time.sleep(FOREVER)


def mapped_files_without_a_name() -> None:
    kept = []
    for number in range(500):
        path = Path(f"tmp/{number}")
        path.write_bytes(bytes(8 << 20))
        with path.open("r+b") as file:
            kept.append(mmap.mmap(file.fileno(), 1))
        path.unlink()
    time.sleep(FOREVER)


def folders_that_may_not_be_listed() -> None:
    Path("tmp/hidden").mkdir(0o300)
    for number in range(500):
        Path(f"tmp/hidden/{number}").write_bytes(bytes(8 << 20))
    time.sleep(FOREVER)


def private_memory() -> None:
    kept = bytearray()
    while True:
        kept.extend(bytes(64 << 20))


def page_tables() -> None:
    """Looks at pages that hold nothing: ``RLIMIT_DATA`` counts what may be written."""
    kept = []
    for _ in range(16):
        kept.append(mmap.mmap(-1, 64 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANON, mmap.PROT_READ))
        for at in range(0, len(kept[-1]), 2 << 20):
            kept[-1][at]
    time.sleep(FOREVER)


def shared_memory() -> None:
    """Of which ``RLIMIT_DATA`` counts nothing."""
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 64 << 20))
        ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(kept[-1])), 1, 64 << 20)


def threads() -> None:
    while True:
        try:
            threading.Thread(target=time.sleep, args=(FOREVER,), daemon=True).start()
        except RuntimeError:
            continue


def ignore_signals() -> None:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    VOICES[0].say(WarningEvent(code="ready", message="it ignores all signals now"))
    while True:
        time.sleep(FOREVER)


def fill_the_disk_with_words() -> None:
    while True:
        sys.stderr.write("x" * (1 << 20))


VOICES: list[Voice] = []
ATTACKS: dict[str, Callable[[], None]] = {
    attack.__name__: attack
    for attack in (
        *(connect, connect_in_silence, bomb, leave_a_daemon, kill_the_worker, read_users),
        *(ask_for_files_forever, one_large_file, many_large_files, many_small_files, deep_folders),
        *(files_without_a_name, mapped_files_without_a_name, folders_that_may_not_be_listed),
        *(private_memory, page_tables, shared_memory),
        *(threads, ignore_signals, fill_the_disk_with_words),
    )
}


def work(_job: Job, _folder: Path, voice: Voice) -> None:
    VOICES.append(voice)
    ATTACKS[sys.argv[1]]()


if __name__ == "__main__":
    run(lambda: work)
