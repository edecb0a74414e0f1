"""The one state machine of a defense. Terminal states never change."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return not _AFTER[self]

    @property
    def is_leased(self) -> bool:
        """A worker holds it, or held it until its lease ran out."""
        return self in (Status.RUNNING, Status.CANCELLING)


class QueueName(StrEnum):
    """Which workers take a defense: those that were told to take from this queue."""

    CPU = "cpu"
    GPU = "gpu"


class Stage(StrEnum):
    """What a running defense is doing, in this order."""

    FETCHING = "fetching"
    VALIDATING = "validating"
    MEASURING = "measuring"
    PURIFYING = "purifying"
    EVALUATING = "evaluating"
    STORING = "storing"


_AFTER: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED, Status.FAILED}),
    Status.RUNNING: frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLING, Status.QUEUED}),
    Status.CANCELLING: frozenset({Status.CANCELLED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}


def may_follow(before: Status, after: Status) -> bool:
    """Whether ``after`` may directly follow ``before``."""
    return after in _AFTER[before]


def before(after: Status) -> frozenset[Status]:
    """The states from which ``after`` can be reached in one step."""
    return frozenset(status for status, following in _AFTER.items() if after in following)
