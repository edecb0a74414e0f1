"""A short run over every operation; ``make fuzz`` makes the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.requests import run

SEED = 20261123


@pytest.mark.timeout(280)
def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    found = run(tmp_path, seed=SEED, examples=4)
    assert found["ended_in_order"], (tmp_path / "schemathesis.txt").read_text()
    assert found["findings"] == {}, (tmp_path / "schemathesis.txt").read_text()
    assert (found["server_errors"], found["unanswered"], found["logged_errors"]) == (0, 0, [])
    assert found["operations"] > 40
    assert found["requests"] > 100
