"""``polarizer gate`` as a pipeline uses it: exit codes, files, digests."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path

import pytest

from client.records import Defense
from tests.client.command.conftest import Run
from tests.client.gates.reports import report


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report()))
    return path


def test_all_hold(run: Run, path: Path, tmp_path: Path) -> None:
    result, junit, sarif = (tmp_path / "made" / name for name in ("r.json", "j.xml", "s.sarif"))
    done = run(
        *("gate", path, "--require", "accuracy_drop <= 0.02", "--require", "verdict == 'closed'"),
        *("--result", result, "--junit", junit, "--sarif", sarif),
        *("--value", f"passed={tmp_path / 'passed'}", "--outputs", tmp_path / "outputs"),
    )
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "PASS  accuracy_drop <= 0.02   (accuracy_drop = 0.01)",
        "PASS  verdict == 'closed'   (verdict = 'closed')",
    ]
    written = json.loads(result.read_text())
    assert (written["schema_version"], written["kind"]) == (1, "gate")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert written["data"]["report"] == {
        "source": str(path),
        "sha256": digest,
        "defense_id": "def_1",
    }
    assert b"testsuites" in junit.read_bytes()
    assert json.loads(sarif.read_text())["version"] == "2.1.0"
    assert (tmp_path / "passed").read_text() == "true"
    assert "accuracy_after=0.94\n" in (tmp_path / "outputs").read_text()


def test_one_does_not(run: Run, path: Path) -> None:
    done = run("gate", path, "--require", "accuracy_drop <= 0.001", "--json")
    assert done.code == 1
    assert done.data["passed"] is False
    assert done.data["gates"][0]["values"] == {"accuracy_drop": pytest.approx(0.01)}


def test_what_was_not_measured_fails(run: Run, path: Path) -> None:
    done = run("gate", path, "--require", "won_back < 5%")
    assert done.code == 1
    assert "won_back was not measured" in done.out


def test_bytes_that_were_promised(run: Run, path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    require = ("--require", "1 < 2")
    assert run("gate", f"{path}#sha256={digest}", *require).code == 0
    assert run("gate", f"file://{path}#sha256={digest}", *require).code == 0
    other = run("gate", f"{path}#sha256={'0' * 64}", *require)
    assert other.code == 3
    assert digest in other.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--require", "accuracy_dorp < 1"], 2, "did you mean accuracy_drop"),
        (["--require", "verdict < 1"], 2, "is a word"),
        ([], 2, "--require"),
        (["--require", "1 < 2", "--value", "nothing=/x"], 2, "--value"),
    ],
)
def test_usage(run: Run, path: Path, arguments: list[str], code: int, says: str) -> None:
    done = run("gate", path, *arguments)
    assert (done.code, says in done.err) == (code, True), done.err


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"schema_version": 9, "numbers": {}}', b"\xff"], ids=str
)
def test_what_is_no_report(run: Run, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    done = run("gate", path, "--require", "1 < 2")
    assert done.code == 3
    assert "Traceback" not in done.err


def test_a_report_that_is_not_there(run: Run) -> None:
    assert run("gate", "nowhere.json", "--require", "1 < 2").code == 3
    assert run("gate", "s3://bucket/report.json", "--require", "1 < 2").code == 3


def test_a_service_that_is_not_there(run: Run) -> None:
    done = run("gate", "def_1", "--require", "1 < 2", "--url", "http://127.0.0.1:9", RETRIES="0")
    assert done.code == 4


def test_a_defense(at: Run, defended: Defense) -> None:
    done = at("gate", defended.id, "--require", "accuracy_after > 50%", "--json")
    assert (done.code, done.data["report"]["defense_id"]) == (0, defended.id)


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(json.dumps(report()).encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert run("gate", "-", "--require", "1 < 2").code == 0


def test_the_values(run: Run, path: Path) -> None:
    assert "accuracy_drop" in run("gate", "--list").out
    values = {item["name"]: item["value"] for item in run("gate", path, "--list", "--json").data}
    assert values["verdict"] == "closed"
    assert "not measured" in run("gate", path, "--list").out
