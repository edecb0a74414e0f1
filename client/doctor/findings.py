"""What a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    OK = "ok"
    NOTE = "note"  # not there, and not needed for everything
    WARNING = "warning"  # works, but not as it should
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """``advice``: what to do, where there is something to do."""

    name: str
    state: State
    found: str
    advice: str = ""

    def as_data(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}


def ok(name: str, found: str) -> Finding:
    return Finding(name, State.OK, found)


def note(name: str, found: str, advice: str = "") -> Finding:
    return Finding(name, State.NOTE, found, advice)


def warning(name: str, found: str, advice: str) -> Finding:
    return Finding(name, State.WARNING, found, advice)


def wrong(name: str, found: str, advice: str) -> Finding:
    return Finding(name, State.WRONG, found, advice)
