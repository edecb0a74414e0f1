"""The composite action: its form, and its steps run against a real service."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Files
from tests.client.pipelines.conftest import FAST, PIPELINES, Shell, read

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")

ACTION: dict[str, Any] = read("github/action.yml")
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def test_its_form() -> None:
    assert set(ACTION) == {"name", "description", "inputs", "outputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    for name, entry in ACTION["inputs"].items():
        assert re.fullmatch("[a-z][a-z-]*", name)
        assert set(entry) <= {"description", "required", "default"}
        assert entry["required"] is ("default" not in entry)
    for entry in ACTION["outputs"].values():
        assert set(entry) == {"description", "value"}
    for step in STEPS:
        assert step["shell"] == "bash"


def test_expressions_name_what_there_is() -> None:
    steps = {step["id"] for step in STEPS if "id" in step}
    for expression in EXPRESSION.findall((PIPELINES / "github/action.yml").read_text()):
        room, _, name = expression.partition(".")
        if room == "inputs":
            assert name in ACTION["inputs"]
        else:
            assert (room, name.split(".")[0] in steps) == ("steps", True)


def test_what_users_give_never_becomes_program_text() -> None:
    for step in STEPS:
        assert not EXPRESSION.search(step["run"])


def test_every_input_is_used_and_the_example_gives_only_these() -> None:
    text = (PIPELINES / "github/action.yml").read_text()
    for name in ACTION["inputs"]:
        assert f"inputs.{name}" in text
    jobs = read("github/example.yml")["jobs"]
    (step,) = [one for one in jobs["repair"]["steps"] if "with" in one and "model" in one["with"]]
    assert set(step["with"]) <= set(ACTION["inputs"])
    needed = {name for name, entry in ACTION["inputs"].items() if entry["required"]}
    assert needed <= set(step["with"])


class Runner:
    """Does what GitHub's runner does with a composite action, as far as this one needs it."""

    def __init__(self, shell: Shell, folder: Path, given: dict[str, str]) -> None:
        self._shell = shell
        self._outputs = folder / "github_output"
        self._values = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()}
        self._values |= given
        self.found: dict[str, dict[str, str]] = {}
        self.log = ""

    def run(self) -> int:
        for step in STEPS:
            if step.get("if") == "inputs.package != ''" and not self._values["package"]:
                continue
            self._outputs.write_text("")
            environment = {name: self.filled(text) for name, text in step["env"].items()}
            done = self._shell(
                *("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]),
                GITHUB_OUTPUT=str(self._outputs),
                **environment,
            )
            self.log += done.stdout + done.stderr
            lines = (line.partition("=") for line in self._outputs.read_text().splitlines())
            self.found[step.get("id", "")] = {name: value for name, _, value in lines}
            if done.returncode:
                return done.returncode
        return 0

    def filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: self._value(found[1]), text)

    def _value(self, expression: str) -> str:
        room, _, name = expression.partition(".")
        if room == "inputs":
            return self._values[name]
        step, _, name = name.partition(".")
        return self.found[step][name.removeprefix("outputs.")]


@pytest.mark.parametrize(
    ("require", "code", "passed"),
    [
        ("accuracy_before > 90%\n\n  accuracy_after >= 0\n", 0, "true"),
        ("accuracy_before > 100%", 1, "false"),
    ],
    ids=["holds", "fails"],
)
def test_a_model_is_repaired_and_checked(
    shell: Shell, url: str, files: Files, tmp_path: Path, require: str, code: int, passed: str
) -> None:
    given = {
        "model": str(files.model),
        "clean": str(files.clean_folder),
        "config": FAST,
        "require": require,
        "url": url,
        "package": "",
        "out": "a folder/$(touch harm)",
    }
    runner = Runner(shell, tmp_path, given)
    assert runner.run() == code, runner.log
    work = tmp_path / "work"
    assert sorted(path.name for path in work.iterdir()) == ["a folder"]
    outputs = {name: runner.filled(each["value"]) for name, each in ACTION["outputs"].items()}
    assert outputs["passed"] == passed
    assert outputs["defense-id"].startswith("def_")
    assert (work / outputs["model-path"]).stat().st_size
    assert json.loads((work / outputs["sarif-path"]).read_text())["version"] == "2.1.0"
    assert json.loads((work / outputs["report-path"]).read_text())["numbers"]


def test_a_rejected_model_ends_it(shell: Shell, url: str, files: Files, tmp_path: Path) -> None:
    given = {"model": str(files.image), "clean": str(files.clean), "url": url, "package": ""}
    runner = Runner(shell, tmp_path, given)
    assert runner.run() == 3, runner.log
    assert "gate" not in runner.found
