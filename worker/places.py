"""What a child is told before there is a job for it, from the settings."""

from __future__ import annotations

import os

from service.settings import Settings
from worker.job import Place, may_use_gpu
from worker.memory import job_memory


def place_of(settings: Settings, *, traced: bool = False) -> Place:
    """Of every child of this process."""
    return Place(
        device=settings.device,
        sandbox=settings.sandbox,
        memory_bytes=job_memory(settings, gpu=may_use_gpu(settings.device)),
        traced=traced,
        runner_pid=os.getpid(),
    )
