"""The one task: a thin shell around the runner."""

from __future__ import annotations

from typing import Protocol

import structlog
from celery import Celery

from service.queue import RUN_DEFENSE

log = structlog.get_logger()


class Runs(Protocol):
    """What the task needs of the runner."""

    def run(self, defense_id: str) -> None: ...


def register(celery: Celery, runner: Runs) -> None:
    """Has ``celery`` hand every message's id to ``runner``.

    The message is acknowledged afterwards. One that comes twice, late, or for a defense that is
    gone does nothing, because the runner's claim takes a row once.
    """

    @celery.task(name=RUN_DEFENSE, shared=False, acks_late=True, ignore_result=True)
    def run_defense(defense_id: object = None, *_more: object) -> None:
        if isinstance(defense_id, str):
            runner.run(defense_id)
        else:
            log.warning("strange_message", kind=type(defense_id).__name__)
