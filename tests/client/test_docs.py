"""Every command and program of the pages about the client runs as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from client.command import outcomes
from client.configuration import ENVIRONMENT, FILE_VARIABLE, PROFILE_VARIABLE
from client.gates.values import NAMES
from client.records import Defense
from client.rooms import Defenses, Keys, Models, Names, Tensors, Uploads, Webhooks
from tests.client.conftest import ROOT, Files
from tests.client.pipelines.conftest import FAST

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("client", "pipelines")}
COMMANDS = [
    pytest.param(block, id=f"{page}-{index}")
    for page, text in PAGES.items()
    for index, block in enumerate(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
]
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGES["client"], re.DOTALL)


@pytest.fixture
def place(files: Files, url: str, defended: Defense, tmp_path: Path) -> dict[str, str]:
    """The environment of a folder that holds what the pages name; repairs are short there."""
    for path in (files.model, files.description, files.clean, files.image):
        shutil.copy(path, tmp_path)
    shutil.copytree(files.clean_folder, tmp_path / "clean")
    repaired = tmp_path / "repaired"
    tools = tmp_path / "bin"
    for folder in (repaired, tools):
        folder.mkdir()
    environment = os.environ | {
        "POLARIZER_URL": url,
        "PYTHONPATH": str(ROOT),
        "DEFENSE": defended.id,
        "MODEL": str(defended.model_id),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "FAST": FAST,
    }
    command = tools / "polarizer"
    command.write_text(
        "#!/bin/sh\n"
        'case $1 in defend|purify) set -- "$@" --config "$FAST";; esac\n'
        f'exec "{sys.executable}" -m client "$@"\n'
    )
    command.chmod(0o755)
    report = ["report", defended.id, "--out", str(repaired / "report.json")]
    subprocess.run([sys.executable, "-m", "client", *report], env=environment, check=True)
    return environment


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize("block", COMMANDS)
def test_the_commands_run(place: dict[str, str], tmp_path: Path, block: str) -> None:
    done = subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            block.replace("accuracy_drop <= 2%", "accuracy_drop <= 1"),
        ],
        cwd=tmp_path,
        env=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS, ids=["threads", "loop"])
def test_the_programs_run(place: dict[str, str], tmp_path: Path, program: str) -> None:
    preamble = "import json; DESCRIPTION = json.load(open('model.json'))\n"
    program = program.replace("description=DESCRIPTION", f"description=DESCRIPTION, config={FAST}")
    done = subprocess.run(
        [sys.executable, "-c", preamble + program],
        cwd=tmp_path,
        env=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_method_is_on_the_page() -> None:
    for room in (Defenses, Uploads, Models, Names, Keys, Tensors, Webhooks):
        for name in vars(room):
            if not name.startswith("_"):
                assert f"`{name}`" in PAGES["client"], f"{room.__name__}.{name}"


def test_every_variable_value_and_exit_code_is_on_a_page() -> None:
    for variable in (*ENVIRONMENT.values(), FILE_VARIABLE, PROFILE_VARIABLE):
        assert f"`{variable}`" in PAGES["client"]
    for code in outcomes.Exit:
        assert f"\n| {int(code)} |" in PAGES["client"]
    table = PAGES["pipelines"]
    named = set(re.findall(r"`(\w+)`", table)) | set(re.findall(r"`…(\w+)`", table))
    for name in NAMES:
        known = name in named or any(name.endswith(end) for end in named if end.startswith("_"))
        assert known or name in (
            "defense_effectiveness",
            "recovered_accuracy_before",
            "recovered_accuracy_after",
            "target_class",
            "alarm_rate",
            "steps",
            "purify_seconds",
        ), name


def test_the_pages_point_at_what_there_is() -> None:
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (ROOT / "docs" / target).exists(), f"{name}: {target}"
