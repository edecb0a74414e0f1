"""Defenses and models as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from client.command.progress import in_bytes
from client.command.screen import Screen, percent
from client.records import Alarm, Defense, Model, Report

NUMBERS = {
    "accuracy on clean images": "accuracy",
    "attack success": "attack_success",
    "triggered images given their true class": "recovered_accuracy",
}


def show_defenses(screen: Screen, defenses: Iterable[Defense]) -> None:
    """A table, one line each."""
    columns = ("id", "status", "stage", "progress", "made", "model", "name")
    rows = (
        (
            defense.id,
            defense.status,
            defense.stage,
            percent(defense.progress),
            moment(defense.created_at),
            defense.model_id,
            defense.name,
        )
        for defense in defenses
    )
    screen.table(columns, rows, right=("progress",), spare=("stage", "model"))


def show_defense(screen: Screen, defense: Defense) -> None:
    """All that matters of one."""
    facts: dict[str, object] = {"defense": defense.id, "name": defense.name}
    facts |= {"status": defense.status, "stage": defense.stage}
    facts |= {"progress": percent(defense.progress), "model": defense.model_id}
    facts |= {"made": moment(defense.created_at), "ended": moment(defense.finished_at)}
    if not defense.status.is_terminal:
        facts["expected end"] = moment(defense.estimated_finish_at)
    if defense.error:
        facts["error"] = f"{defense.error.code}: {defense.error.message}"
    screen.facts({name: value for name, value in facts.items() if value not in (None, "")})
    show_numbers(screen, defense.numbers)


def show_numbers(screen: Screen, numbers: dict[str, Any] | None) -> None:
    """Before and after, as far as measured."""
    found = numbers or {}
    rows = []
    for title, name in NUMBERS.items():
        before, after = found.get(f"{name}_before"), found.get(f"{name}_after")
        if before is not None or after is not None:
            rows.append((title, percent(before), percent(after)))
    if rows:
        screen.line()
        screen.table(("", "before", "after"), rows, right=("before", "after"))


def show_report(screen: Screen, report: Report) -> None:
    """What a report says in words, and its numbers."""
    show_evidence(screen, report)
    show_numbers(screen, report.numbers)
    show_warnings(screen, report)
    _show_list(screen, "keep in mind", report.remarks)


def show_warnings(screen: Screen, report: Report) -> None:
    """What makes its numbers worth less."""
    _show_list(screen, "warnings", [str(warning.get("message")) for warning in report.warnings])


def show_evidence(screen: Screen, report: Report) -> None:
    """What was found without a trigger."""
    if report.evidence:
        screen.line(f"without the trigger: {report.evidence.get('verdict')}", style="bold")
        screen.line(str(report.evidence.get("words", "")))


def _show_list(screen: Screen, title: str, lines: Sequence[str]) -> None:
    if lines:
        screen.line()
        screen.line(title, style="bold")
        for line in lines:
            screen.line(f"- {line}")


def show_models(screen: Screen, models: Iterable[Model]) -> None:
    """A table, one line each."""
    columns = ("id", "accuracy", "attack success", "method", "size", "made", "name")
    rows = (
        (
            model.id,
            percent(model.numbers.get("accuracy_after")),
            percent(model.numbers.get("attack_success_after")),
            model.method,
            in_bytes(model.size),
            moment(model.created_at),
            model.name,
        )
        for model in models
    )
    right = ("accuracy", "attack success", "size")
    screen.table(columns, rows, right=right, spare=("size", "method", "made"))


def show_model(screen: Screen, model: Model) -> None:
    """All that matters of one."""
    architecture = model.description.get("architecture", {}).get("name")
    screen.facts(
        {
            "model": model.id,
            "name": model.name,
            "defense": model.defense_id,
            "architecture": architecture,
            "classes": len(model.description.get("classes", ())),
            "method": model.method,
            "alarm": _alarm(model.alarm),
            "sha256": model.sha256,
            "size": in_bytes(model.size),
            "made": moment(model.created_at),
        }
    )
    show_numbers(screen, model.numbers)


def _alarm(alarm: Alarm | None) -> str | None:
    if alarm is None:
        return None
    state = "on" if alarm.on else "off"
    return f"{state}, flags {percent(alarm.rate)} of clean images at most"


def moment(when: datetime | None) -> str:
    """In the user's time zone, to the second."""
    return "" if when is None else when.astimezone().strftime("%Y-%m-%d %H:%M:%S")
