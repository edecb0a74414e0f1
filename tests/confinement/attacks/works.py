"""What a job does and must go on doing."""

from __future__ import annotations

import mmap
import os
import signal
import threading
from pathlib import Path

from tests.confinement.attacks.trying import FOLDER, Tries

work = Tries()


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
