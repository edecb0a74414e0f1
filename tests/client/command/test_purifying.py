"""A repair without a service, in a process of the library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from client.command import modules, purifying, starting
from client.downloads import digest_of
from client.gates.values import values_of
from tests.client.command.conftest import ROOT, Run
from tests.client.command.test_commands import FAST
from tests.client.conftest import Files
from tests.worker import samples


def test_a_repair_with_a_gate(run: Run, files: Files, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    done = run(
        *("purify", f"{files.model}#sha256={digest_of(files.model)}", "--out", out),
        *("--clean", files.clean_folder, "--test", files.test, "--triggered", files.triggered),
        *("--target-class", samples.TARGET, "--device", "cpu", "--no-evidence", *FAST),
        *("--require", "accuracy_before > 90%", "--value", f"passed={tmp_path / 'passed'}"),
    )
    assert done.code == 0, done.err
    assert "purifying" in done.err
    assert "PASS" in done.out
    report = json.loads((out / "report.json").read_text())
    assert report["artefact"]["sha256"] == digest_of(out / "model.safetensors")
    assert report["inputs"]["model"]["sha256"] == digest_of(files.model)
    assert values_of(report)["verdict"] is None
    assert json.loads((out / "result.json").read_text())["kind"] == "purification"
    assert sorted(path.name for path in out.iterdir()) == [
        "model.safetensors",
        "report.json",
        "result.json",
    ]
    assert (tmp_path / "passed").read_text() == "true"


def test_a_bad_file(run: Run, files: Files, tmp_path: Path) -> None:
    bad = tmp_path / "model.bin"
    bad.write_bytes(b"nothing")
    done = run(
        *("purify", bad, "--clean", files.clean, "--out", tmp_path / "out", "--json"),
        *("--description", files.description),
    )
    assert done.code == 3
    assert done.data["code"] == "model-format"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--set", "steps=0"], 3, "steps"),
        (["--target-class", "x", "--method", "magic"], 3, "method"),
        (["--require", "nonsense < 1"], 2, "nonsense"),
        (["--clean", "s3://bucket/clean.npz"], 3, "not on this machine"),
        (["--clean", "nowhere"], 3, "no file"),
    ],
    ids=["steps", "method", "require", "s3", "nowhere"],
)
def test_what_is_wrong_is_told(
    run: Run, files: Files, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    clean = () if "--clean" in arguments else ("--clean", files.clean)
    done = run("purify", files.model, *clean, "--out", tmp_path / "out", *arguments)
    assert (done.code, says in done.err) == (code, True), done.err


def test_without_torch_it_says_what_to_install(
    run: Run, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "is_there", lambda module: module != "torch")
    for arguments in (
        ("purify", files.model, "--clean", files.clean, "--out", tmp_path),
        ("serve",),
        ("demo",),
    ):
        done = run(*arguments)
        assert done.code == 2
        assert "needs torch" in done.err
        assert "pip install 'neural-polarizer-service[service,worker" in done.err


def test_a_process_that_breaks(
    run: Run, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purifying, "MODULE", "no_such_module")
    done = run("purify", files.model, "--clean", files.clean, "--out", tmp_path / "out")
    assert done.code == 4
    assert "no_such_module" in done.err


def test_the_demo_without_the_source(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "ROOT", tmp_path)
    assert "make demo" in run("demo").err


def test_the_client_loads_nothing_of_the_house() -> None:
    """Nor anything else that takes long, for a command that people wait for."""
    program = (
        "import sys, client, client.command.app; print([name for name in ('torch', 'numpy',"
        " 'polarizer', 'service', 'worker', 'fastapi', 'sqlalchemy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
