"""``python -m worker.child``, in a folder with a ``place.json``; started by the worker only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from worker.child.program import run
from worker.child.voice import Voice
from worker.job import Job


def _load() -> Callable[[Job, Path, Voice], None]:
    from worker.child.work import Work  # loads torch, which must come after the limits

    return lambda job, folder, voice: Work(job, folder, voice).run()


if __name__ == "__main__":
    run(_load)
