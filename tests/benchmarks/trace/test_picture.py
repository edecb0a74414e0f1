"""A trace is drawn whole, in an order that shows what belongs to what."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from benchmarks.trace.picture import Step, draw, ordered, shown


def step(name: str, parent: str, began: float, ended: float) -> Step:
    return Step(name, parent, "polarizer-worker", name, began, ended)


STEPS = [
    step("starting", "child", 100, 900),
    step("child", "attempt", 90, 2000),
    step("request", "of somebody else", 0, 20),
    step("attempt", "request", 40, 2100),
    step("queued", "request", 5, 40),
    step("load-torch", "starting", 120, 800),
    step("storing", "attempt", 2000, 2090),
]


def test_steps_stand_below_what_they_are_part_of() -> None:
    assert [(line.depth, line.step.name, line.in_child) for line in ordered(STEPS)] == [
        (0, "request", False),
        (1, "queued", False),
        (1, "attempt", False),
        (2, "child", True),
        (3, "starting", True),
        (4, "load-torch", True),
        (2, "storing", False),
    ]


def test_the_picture_shows_every_step_and_is_the_same_again(tmp_path: Path) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    draw(STEPS, one)
    draw(list(reversed(STEPS)), other)
    text = one.read_text()
    assert all(found.name in text for found in STEPS)
    assert text == other.read_text()


def test_a_picture_has_transactions_and_not_their_statements() -> None:
    found = [
        step("GET /v1/models", "", 0, 9),
        step("database.read", "GET /v1/models", 1, 8),
        step("SELECT models", "database.read", 2, 3),
        step("BEGIN", "database.read", 1, 2),
        step("store.read", "database.read", 3, 4),
    ]
    names = [one.name for one in shown(found)]
    assert names == ["GET /v1/models", "database.read", "store.read"]
