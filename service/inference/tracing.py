"""The engine's steps as spans of the request that asked for them.

The engine has read strangers' bytes and exports nothing: it says what happened when, and is
believed as far as that lies between the question and now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from service.inference.messages import Step, StepName
from service.tracing import Span, current

OnSteps = Callable[[Iterable[Step]], None]
_TOP = (StepName.DECODE, StepName.WAIT, StepName.LOAD, StepName.BATCH)


def traced_question() -> tuple[str | None, OnSteps | None]:
    """What a question tells the engine of its trace, and who hears of its steps; of one that is not
    recorded, neither."""
    asking = current()
    if not asking.recording:
        return None, None
    teller = _Teller(asking)
    return asking.context.header, teller.tell


class _Teller:
    """Makes spans below the one that asks."""

    def __init__(self, asking: Span) -> None:
        self._asking = asking
        self._asked_ns = time.time_ns()

    def tell(self, steps: Iterable[Step]) -> None:
        """``engine`` around them all; a model's within its batch's."""
        now = time.time_ns()
        found = [(step, *self._believed(step, now)) for step in steps]
        if not found:
            return
        engine = self._asking.child("engine", start_ns=min(began for _, began, _ in found))
        batches: dict[int, Span] = {}
        for step, began, ended in sorted(found, key=lambda one: one[0].name is StepName.MODEL):
            around = engine if step.name in _TOP else batches.get(step.batch, engine)
            made = around.child(f"engine.{step.name}", start_ns=began)
            _describe(made, step)
            made.end(ended)
            if step.name is StepName.BATCH:
                batches[step.batch] = made
        engine.end(max(ended for _, _, ended in found))

    def _believed(self, step: Step, now: int) -> tuple[int, int]:
        began = min(max(int(step.began * 1e9), self._asked_ns), now)
        return began, min(max(int(step.ended * 1e9), began), now)


def _describe(made: Span, step: Step) -> None:
    if step.batch:
        made.set({"polarizer.batch": step.batch, "polarizer.rows": step.rows})
    if step.backend:
        made.set({"polarizer.backend": step.backend})
