"""The child's frame: confined first, and a last event whatever happens. Loads no torch."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from worker.child import confinement
from worker.child.failure import explain
from worker.child.voice import LogVoice, Voice
from worker.events import SucceededEvent, TerminalEvent
from worker.job import Job, Place
from worker.shortage import NO_MEMORY_TO_SAY

log = logging.getLogger(__name__)

RESERVE = 4 << 20
"""Bytes that are let go of when memory ran out, so that it can be told."""

Work = Callable[[Job, Path, Voice], None]


def run(load: Callable[[], Work]) -> NoReturn:
    """Loads the work, waits until there is a job in the current folder, does it, and ends the
    process: 0 succeeded, 1 failed, ``NO_MEMORY_TO_SAY`` failed for lack of memory, even of that for
    saying so.

    The work sees strangers' files, its loading must not. Tracebacks go to standard error, which
    only the service's log sees.
    """
    try:
        voice = Voice(_take_stdout())
        logging.basicConfig(stream=sys.stderr, level=logging.INFO)
        logging.getLogger().addHandler(LogVoice(voice))
        last = _last_event(load, voice)
        voice.say(last)
        sys.stderr.flush()
    except MemoryError:
        os._exit(NO_MEMORY_TO_SAY)
    os._exit(0 if isinstance(last, SucceededEvent) else 1)  # no thread or atexit hook holds it up


def _last_event(load: Callable[[], Work], voice: Voice) -> TerminalEvent:
    ballast = bytearray(RESERVE)
    try:
        folder = Path.cwd()
        place = Place.read(folder)
        voice.tells_steps = place.traced
        voice.step("confine-files")
        told = confinement.begin(place, folder)
        voice.step("load-torch")
        work = load()
        told.wait()
        job = Job.read(folder)
        voice.tells_steps = job.traced
        voice.step("confine-calls")
        confinement.finish(place, job.limits)
        work(job, folder, voice)
    except Exception as error:  # the outer edge: whatever it was, the runner is told
        ballast.clear()
        log.exception("job failed")
        return explain(error)
    return SucceededEvent()


def _take_stdout() -> int:
    """Standard output for events alone; what else is printed goes to standard error."""
    ours = os.dup(1)
    os.dup2(2, 1)
    return ours
