"""Programs that run in the child's frame, in place of its real work; named by their argument."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from worker.child.program import run
from worker.child.voice import Voice
from worker.events import WarningEvent
from worker.job import Job


def succeed(_job: Job, _folder: Path, _voice: Voice) -> None:
    print("noise from a library")  # noqa: T201 - that is the case


def fail(_job: Job, _folder: Path, _voice: Voice) -> None:
    raise ValueError("the secret stays in the log")


def eat_memory(_job: Job, _folder: Path, _voice: Voice) -> None:
    bytearray(8 << 30)


def write_too_much(_job: Job, folder: Path, _voice: Voice) -> None:
    (folder / "out" / "model.safetensors").write_bytes(b"x" * (2 << 20))


def wait(_job: Job, _folder: Path, voice: Voice) -> None:
    voice.say(WarningEvent(code="pid", message=str(os.getpid())))
    time.sleep(1000)


WORKS: dict[str, Callable[[Job, Path, Voice], None]] = {
    work.__name__: work for work in (succeed, fail, eat_memory, write_too_much, wait)
}

if __name__ == "__main__":
    run(lambda: WORKS[sys.argv[1]])
