"""What a machine lacks is found by trying."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from confinement import missing_parts, trial

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    bool(missing_parts()), reason=f"this kernel lacks {', '.join(missing_parts())}"
)


def lacking(calls: str) -> tuple[int, list[str]]:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.confinement.lacking", calls, "confinement"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout)


def test_a_whole_sandbox_lacks_nothing() -> None:
    assert trial.missing_parts() == []


@pytest.mark.parametrize(
    ("calls", "part"),
    [
        ("landlock_create_ruleset", "Landlock"),
        ("landlock_restrict_self", "cannot be built"),
        ("seccomp", "seccomp filters"),
        ("capset", "cannot be built"),
    ],
)
def test_what_is_missing_is_named(calls: str, part: str) -> None:
    status, missing = lacking(calls)
    assert status == 1
    assert len(missing) == 1
    assert part in missing[0]


def test_a_trial_that_cannot_run_finds_everything_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert trial.missing_parts() == ["a trial that ends (FileNotFoundError)"]
