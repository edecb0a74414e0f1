"""``python -m worker.child``, in a folder with a ``place.json``; started by the worker only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from worker.child.program import run
from worker.child.voice import Voice
from worker.job import Job

LATE = (
    "encodings.cp437",  # of the names in archives
    *(f"PIL.{kind}ImagePlugin" for kind in ("Bmp", "Gif", "Jpeg", "Png", "Ppm", "WebP")),
    "torch.profiler._cupti_monitor",
    "torch.utils._device",
)
"""What others load when they first need it. In a job each file that is opened is asked about at the
worker, so it is done before."""


def _load() -> Callable[[Job, Path, Voice], None]:
    from worker.child.work import Work  # loads torch, which must come after the limits

    for name in LATE:
        with suppress(ImportError):
            import_module(name)
    return lambda job, folder, voice: Work(job, folder, voice).run()


if __name__ == "__main__":
    run(_load)
