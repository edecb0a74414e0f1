"""The table of the pages, from what was measured."""

from __future__ import annotations

from benchmarks.pages.measure import Figures, Opened
from benchmarks.pages.page import written

FAST, SLOW = Opened(40.0, 60.0, 24, 90_000), Opened(260.5, 300.0, 24, 90_000)
KNOWN = Opened(20.0, 30.0, 24, 4_000)
ABOUT = {
    "date": "2026-11-23",
    "machine": "x86_64, 2 processors",
    "niceness": 0,
    "load": [1.0, 2.0, 3.0],
    "browser": "Chrome/1",
    "python": "3.11",
    "runs": 3,
    "conditions": "Nothing else ran.",
}


def table(*rows: Figures) -> list[str]:
    text = written({"about": ABOUT, "rows": [row.as_json() for row in rows]})
    assert "Chrome/1" in text
    assert "at the end. Nothing else ran." in text
    return [line for line in text.splitlines() if line.startswith("| ")][1:]


def test_medians_stand_beside_the_slowest() -> None:
    (row,) = table(Figures("Keys", empty=[FAST, SLOW, FAST], known=[KNOWN] * 3))
    assert row == "| Keys | 40 | 260 ✗ | 60 | 90,000 | 24 | 20 | 20 | 4,000 |"


def test_what_misses_the_goal_is_marked() -> None:
    (row,) = table(Figures("Keys", empty=[SLOW] * 3, known=[KNOWN] * 3))
    assert row.split("|")[2].strip() == "260 ✗"
