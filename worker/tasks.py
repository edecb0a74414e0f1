"""The one task: a thin shell around the runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import structlog
from celery import Celery

from service.defenses.states import QueueName
from service.queue import RUN_DEFENSE, queue_of

log = structlog.get_logger()


class Runs(Protocol):
    """What the task needs of the runner."""

    def run(self, woken_for: str, queue: QueueName | None) -> None: ...


def register(
    celery: Celery, runner: Runs, *, on_redelivery: Callable[[], None] = lambda: None
) -> None:
    """Has ``celery`` hand every message's id, and the queue that it came by, to ``runner``.
    ``on_redelivery`` is called for one that the broker has delivered before.

    The message is acknowledged afterwards. One that comes twice, late, or for a defense that is
    gone does no harm, because the runner's claim takes a row once.
    """

    @celery.task(name=RUN_DEFENSE, shared=False, acks_late=True, ignore_result=True, bind=True)
    def run_defense(self: Any, defense_id: object = None, *_more: object) -> None:  # noqa: ANN401
        delivery = self.request.delivery_info or {}
        came_by = delivery.get("routing_key")
        if delivery.get("redelivered"):
            on_redelivery()
        if isinstance(defense_id, str):
            runner.run(defense_id, queue_of(came_by))
        else:
            log.warning("strange_message", kind=type(defense_id).__name__)
