"""Conditions tried on the values of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from client.gates.expression import Condition, UnknownValueError, Value, Values, parse
from client.gates.values import NAMES


@dataclass(frozen=True)
class Gate:
    """One condition and what came of it. ``values``: what it read; null: not measured."""

    condition: str
    passed: bool
    values: dict[str, Value | None]
    reason: str

    def as_data(self) -> dict[str, Any]:
        return {
            "condition": self.condition,
            "passed": self.passed,
            "values": self.values,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Verdict:
    """All gates of one report; ``subject`` names the report, ``sha256`` its bytes."""

    gates: tuple[Gate, ...]
    subject: str
    sha256: str
    defense_id: str | None
    values: dict[str, Value | None]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    def as_data(self) -> dict[str, Any]:
        """What ``--json`` and the result file hold."""
        return {
            "passed": self.passed,
            "gates": [gate.as_data() for gate in self.gates],
            "report": {
                "source": self.subject,
                "sha256": self.sha256,
                "defense_id": self.defense_id,
            },
            "values": self.values,
        }


def parse_all(texts: Sequence[str]) -> list[Condition]:
    """Raises ExpressionError for the first that cannot be understood."""
    return [parse(text, NAMES) for text in texts]


def check(condition: Condition, values: Values) -> Gate:
    """A condition about something that was not measured does not hold. Raises ExpressionError for
    words where numbers are needed."""
    read = {name: values.get(name) for name in condition.names}
    try:
        passed = condition.holds(values)
        reason = ", ".join(f"{name} = {in_words(value)}" for name, value in read.items())
    except UnknownValueError as error:
        passed, reason = False, f"{error.name} was not measured"
    return Gate(condition.text, passed, read, reason or "nothing was asked of the report")


def in_words(value: Value | None) -> str:
    """As it stands in a condition."""
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else f"{value:.6g}"
