"""What is looked at on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.doctor import machine
from client.doctor.findings import State
from client.doctor.machine import packages, python, room


def test_python() -> None:
    assert python((3, 11, 0)).state is State.OK
    assert python((3, 10, 9)).state is State.WRONG


def test_packages() -> None:
    wanted = [
        "httpx>=0.28",
        "no-such-package>=1",
        'pytest; extra == "dev"',
        'psycopg[binary]>=3.2; extra == "dev"',
        'no-such-torch==2.0; extra == "worker"',
        'numpy==0.0.1; extra == "pinned"',
    ]
    (plain,) = packages(wanted, None)
    assert (plain.state, plain.found) == (State.WRONG, "not installed: no-such-package")
    (dev,) = packages(wanted, "dev")
    assert (dev.state, dev.found) == (State.OK, "2 are there")
    (worker,) = packages(wanted, "worker")
    assert worker.state is State.NOTE
    assert "[worker]" in worker.advice
    (pinned,) = packages(wanted, "pinned")
    assert pinned.state is State.WARNING
    assert "instead of 0.0.1" in pinned.found
    assert list(packages(wanted, "other")) == []


def test_room() -> None:
    assert room("x", 5 << 30, ".").state is State.OK
    assert room("x", 1 << 30, ".").state is State.WARNING


def test_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    path.write_text('api_key = "np_secret"')
    monkeypatch.setenv("POLARIZER_CONFIG", str(path))
    path.chmod(0o644)
    found = machine.configuration()
    assert (found.state, found.advice) == (State.WARNING, f"chmod 600 {path}")
    path.chmod(0o600)
    found = machine.configuration()
    assert found.state is State.OK
    assert "np_secret" not in str(found)
    path.write_text("x = 1")
    assert machine.configuration().state is State.WRONG
    monkeypatch.delenv("POLARIZER_CONFIG")
    assert "no key" in machine.configuration().found
