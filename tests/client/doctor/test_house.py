"""What is asked of processes: torch, the sandbox, the service's own check."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from client.doctor import house
from client.doctor.findings import State

Say = Any


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Every process that is asked says this."""

    asked = house._asked

    def say(text: str, status: int = 0, complaint: str = "") -> None:
        program = (
            f"import sys; print({text!r}); sys.stderr.write({complaint!r}); sys.exit({status})"
        )
        command = (sys.executable, "-c", program)
        monkeypatch.setattr(house, "_asked", lambda _command, also=(): asked(command, also=also))

    return say


def test_torch(says: Say) -> None:
    facts = {"version": "2.13.0", "built_for": None, "usable": False, "threads": 2}
    says(json.dumps(facts))
    assert house.torch().found == "2.13.0, 2 threads, CPU only"


def test_torch_without_its_graphics_card(says: Say) -> None:
    says(json.dumps({"version": "2.13.0", "built_for": "13.0", "usable": False, "threads": 2}))
    assert house.torch().state is State.WARNING


def test_torch_with_a_graphics_card(says: Say) -> None:
    says(json.dumps({"version": "2.13.0", "built_for": "13.0", "usable": True, "threads": 2}))
    assert house.torch().found == "2.13.0, 2 threads, CUDA 13.0"


def test_torch_that_does_not_load(says: Say) -> None:
    says("", 1, "Traceback\nImportError: libtorch.so\n")
    found = house.torch()
    assert found.state is State.WRONG
    assert "ImportError: libtorch.so" in found.found


@pytest.mark.parametrize(
    ("text", "status", "state"),
    [("[]", 0, State.OK), ('["Landlock"]', 1, State.WARNING), ("", 2, State.WRONG)],
    ids=["whole", "missing", "broken"],
)
def test_the_sandbox(says: Say, text: str, status: int, state: State) -> None:
    says(text, status)
    assert house.sandbox().state is state


def test_parts_of_a_service_here(says: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    (nothing,) = house.parts()
    assert nothing.state is State.NOTE
    monkeypatch.setenv("POLARIZER_DATABASE_URL", "postgresql://x")
    says('{"database": "connection refused", "store": "ok"}', 1)
    database, store = house.parts()
    assert (database.state, store.state) == (State.WRONG, State.OK)
    assert "POLARIZER_DATABASE_URL" in database.advice
    says("", 2, "POLARIZER_DATABASE_URL: nonsense")
    (settings,) = house.parts()
    assert settings.found == "POLARIZER_DATABASE_URL: nonsense"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    assert "No such file" in house._asked([str(tmp_path / "none")])
    assert house._asked([sys.executable, "-c", ""]) == "it said nothing"
