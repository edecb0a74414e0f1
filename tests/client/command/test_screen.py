"""What is written, and how numbers and times are said."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from client.command.progress import Lines, in_bytes, in_time, in_words
from client.command.screen import Screen, percent, shown
from client.flows.defending import UploadProgress
from client.records import Event, Upload


def screen(*, quiet: bool = False) -> tuple[Screen, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    consoles = [Console(file=file, width=200, emoji=False, highlight=False) for file in (out, err)]
    return Screen(*consoles, as_json=False, draws=False, asks=False, quiet=quiet), out, err


def event(kind: str, **data: Any) -> Event:
    when = datetime(2026, 11, 1, tzinfo=UTC)
    return Event(sequence=1, attempt=1, type=kind, data=data, created_at=when)


@given(st.text())
def test_nothing_shown_steers_a_terminal(text: str) -> None:
    assert all(sign.isprintable() or sign == "\n" for sign in shown(text))


def test_markup_is_text() -> None:
    view, out, err = screen()
    view.line("[red]x[/red]")
    view.say("[bold]y")
    view.table(("[b]",), [("[i]z",)])
    assert out.getvalue().split() == ["[red]x[/red]", "[b]", "[i]z"]
    assert err.getvalue() == "[bold]y\n"


@pytest.mark.parametrize(
    ("width", "shown"),
    [(200, ["id", "made", "model", "name"]), (80, ["id", "model", "name"]), (50, ["id", "name"])],
)
def test_a_table_leaves_out_what_has_no_room(width: int, shown: list[str]) -> None:
    file = io.StringIO()
    view = Screen(Console(file=file, width=width), screen()[0].err, False, False, False)
    row = ("def_" + "0" * 26, "2026-11-01 00:00:00", "mdl_" + "1" * 26, "vendor")
    view.table(("id", "made", "model", "name"), [row], spare=("made", "model"))
    lines = file.getvalue().splitlines()
    assert lines[0].split() == shown
    assert row[0] in lines[1]
    assert len(lines) == 2


def test_a_document() -> None:
    view, out, _ = screen()
    when = datetime(2026, 11, 1, tzinfo=UTC)
    view.result("uploads", [Upload(id="u", sha256="0", size=1, filename="é", created_at=when)])
    assert out.getvalue().count("\n") == 1
    found = json.loads(out.getvalue())
    assert (found["schema_version"], found["kind"]) == (1, "uploads")
    assert found["data"][0]["created_at"] == "2026-11-01T00:00:00Z"


def test_quiet_keeps_what_went_wrong() -> None:
    view, _, err = screen(quiet=True)
    view.say("said")
    view.complain("wrong")
    assert err.getvalue() == "polarizer: wrong\n"


def test_lines_about_progress_are_few() -> None:
    view, _, err = screen()
    now = [0.0]
    lines = Lines(view, clock=lambda: now[0])
    lines.upload(UploadProgress("clean", 5, 10))
    lines.upload(UploadProgress("clean", 10, 10))
    for step in range(1, 30):
        now[0] = step
        lines.event(event("progress", fraction=step / 30, step=step, steps=30))
    lines.event(event("stage", stage="evaluating"))
    lines.event(event("progress", fraction=0.5))
    said = err.getvalue().splitlines()
    assert said[0] == "uploaded clean (10 B)"
    assert [line.split(", ")[1] for line in said if "step" in line] == [
        "step 1 of 30",
        "step 11 of 30",
        "step 21 of 30",
    ]
    assert said[-2:] == ["evaluating", "  50.0 %"]


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        (event("status", status="queued"), ["queued"]),
        (event("status", status="failed", error={"message": "why"}), ["failed: why"]),
        (event("warning", code="few-images", message="m"), ["warning (few-images): m"]),
        (event("measured", accuracy_before=0.5, other=1), ["  accuracy before: 50.0 %"]),
        (
            event("progress", fraction=0.5, losses={"total": 1.23456}, remaining_seconds=65.2),
            ["  50.0 %, loss 1.235, 1:05 left"],
        ),
        (
            event("progress", fraction=0.1, part="search", step=3, steps=59, losses={}),
            ["  10.0 %, search step 3 of 59"],
        ),
        (event("something-new", x=1), []),
    ],
    ids=["status", "failed", "warning", "measured", "progress", "search", "unknown"],
)
def test_events_in_words(said: Event, lines: list[str]) -> None:
    assert in_words(said) == lines


def test_numbers_in_words() -> None:
    assert [percent(0.9731), percent(None), percent(0)] == ["97.3 %", "–", "0.0 %"]
    assert [in_bytes(n) for n in (0, 999, 1000, 1.4e6, 2e12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.4 MB",
        "2000.0 GB",
    ]
    assert [in_time(s) for s in (-1, 5, 65, 7230)] == ["0:00", "0:05", "1:05", "2:00:30"]
