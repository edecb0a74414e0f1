"""Waiting for a defense without a stream."""

from __future__ import annotations

import time

from client.calls import defenses
from client.errors import DefenseEndedError
from client.flow import Flow, ask
from client.records import Defense, Status

STEP = 30


def wait(defense_id: str, *, timeout: float | None = None) -> Flow[Defense]:
    """The defense once it has ended, whatever it came to, or as it is after ``timeout`` seconds."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = STEP if deadline is None else max(0, round(deadline - time.monotonic()))
        found = yield from ask(defenses.get(defense_id, wait=min(STEP, left)))
        if found.status.is_terminal or (deadline is not None and time.monotonic() >= deadline):
            return found


def require_success(defense: Defense) -> Defense:
    """The defense. Raises DefenseEndedError when it came to nothing."""
    if defense.status is Status.SUCCEEDED or not defense.status.is_terminal:
        return defense
    code = defense.error.code if defense.error else None
    message = defense.error.message if defense.error else "somebody stopped it"
    raise DefenseEndedError(defense.id, defense.status, code, message)
