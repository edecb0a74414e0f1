"""How much memory a job may take when nobody has said it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from service.settings import Settings

SHARE = 0.8
"""Of what the machine or the container has, for all jobs of a worker together."""

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


CARDS_SHARE = 0.9
"""Of a card's memory, for several jobs together: each process takes some beside what it computes
with, which no limit counts."""


def card_share(jobs: int) -> float:
    """Of a graphics card's memory, for each of so many jobs at a time: what one takes is never
    missing to another. One alone may take all."""
    return 1.0 if jobs == 1 else CARDS_SHARE / jobs


def job_memory(settings: Settings, *, gpu: bool) -> int:
    """Bytes; 0: no limit. With a graphics card there is none unless it was said, because CUDA maps
    more memory than anybody can foresee."""
    if settings.job_memory_bytes is not None:
        return settings.job_memory_bytes
    if gpu:
        return 0
    return int(SHARE * _there_is()) // settings.worker_concurrency


def _there_is() -> int:
    """Bytes that this machine has, or that its control group may use."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):
            found = min(found, int(limit.read_text()))
    return found
