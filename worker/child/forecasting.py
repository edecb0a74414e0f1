"""The progress of a purification as the runner is told it."""

from __future__ import annotations

from polarizer.forecast import Forecast
from polarizer.progress import Checked, Prepared, StepDone
from worker.child.details import losses_of
from worker.events import ProgressEvent


def as_event(event: Prepared | StepDone | Checked, forecast: Forecast) -> ProgressEvent:
    """``forecast`` has taken the event already."""
    return ProgressEvent(
        part="search" if isinstance(event, Prepared) else "repair",
        fraction=min(forecast.fraction, 1.0),
        step=event.step,
        steps=event.steps,
        losses=losses_of(event) if isinstance(event, StepDone) else {},
        remaining_seconds=forecast.remaining_seconds,
    )
