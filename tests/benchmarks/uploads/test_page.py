"""The table of uploads, and the memory of a process while something happens."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

from benchmarks.uploads.measuring import Memory, Row
from benchmarks.uploads.page import PAGE, RESULTS, table, written
from tests.waiting import wait_until

MIB = 1 << 20
ROOT = Path(__file__).parents[3]


def rows() -> list[Row]:
    own = [Row("folder", "own put", turn, 1.0, rate) for turn, rate in enumerate((90, 100, 500))]
    ours = [
        Row("folder", "one piece", turn, 1.0, rate, grown, worked)
        for turn, (rate, grown, worked) in enumerate(
            ((70, 3.0, 1.0), (80, 9.0, 2.0), (60, 1.0, 4.0))
        )
    ]
    return own + ours


def test_rates_are_medians_and_memory_is_the_largest() -> None:
    _, _, own, ours = table(rows())
    assert own == "| folder | own put | 100 |  |  |  |"
    assert ours == "| folder | one piece | 70 | 0.70 | 9.0 | 2.0 |"


def test_the_page_says_where_and_when() -> None:
    about = {
        "machine": {"processor": "a processor", "cores": 2},
        **{"date": "2026-11-23", "mib": 1024, "rounds": 3, "conditions": "nothing else"},
        **{"load_before": 0.1, "load_after": 2.0},
    }
    page = written({"about": about, "rows": [vars(row) for row in rows()]})
    assert "a processor, 2 cores, 2026-11-23. 1024 MiB, 3 rounds." in page
    assert page.rstrip().endswith("| folder | one piece | 70 | 0.70 | 9.0 | 2.0 |")


class Growing:
    """A process that has a MiB more whenever somebody looks."""

    def __init__(self) -> None:
        self._mib = count(5)

    def memory_info(self) -> Growing:
        self.rss = next(self._mib) * MIB
        return self


def test_memory_is_compared_with_what_was_there_before() -> None:
    memory = Memory(Growing())  # type: ignore[arg-type]
    with memory.watched():
        wait_until(lambda: memory.peak >= 8 * MIB)
    assert memory.before == 5 * MIB


def test_the_page_is_made_of_the_results() -> None:
    assert (ROOT / PAGE).read_text() == written(json.loads((ROOT / RESULTS).read_text()))
