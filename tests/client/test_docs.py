"""Every command and program of the pages about the client runs as it stands."""

from __future__ import annotations

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
from client.rooms import Defenses, Keys, Models, Multiparts, Names, Tensors, Uploads, Webhooks
from tests.client.conftest import ROOT, Files
from tests.client.pipelines.conftest import FAST
from tests.documents import Block, blocks, environment, ids, needs_bash, needs_curl, run, story

DOCS = ROOT / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text() for name in ("client", "pipelines")}
COMMANDS = [block for name in PAGES for block in blocks(DOCS / f"{name}.md", "sh")]
PROGRAMS = [block.text for block in blocks(DOCS / "client.md", "python")]
GUIDES = ("inference", "little-data", "own-architecture", "pipeline", "read-the-report", "rest")


@pytest.fixture(scope="module")
def report(url: str, defended: Defense, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a repair, as the command fetches it."""
    folder = tmp_path_factory.mktemp("report")
    there = environment(folder, POLARIZER_URL=url)
    run(f"polarizer report {defended.id} --out report.json", folder, there)
    return folder / "report.json"


@pytest.fixture
def place(
    files: Files, url: str, defended: Defense, report: Path, tmp_path: Path
) -> dict[str, str]:
    """The environment of a folder that holds what the pages name; repairs are short there."""
    for path in (files.model, files.description, files.clean, files.test, files.image):
        shutil.copy(path, tmp_path)
    shutil.copytree(files.clean_folder, tmp_path / "clean")
    port = url.rpartition(":")[2]
    place = environment(
        tmp_path,
        POLARIZER_URL=url,
        DEFENSE=defended.id,
        MODEL=str(defended.model_id),
        FAST=FAST,
    )
    with (tmp_path / ".curlrc").open("a") as configuration:
        configuration.write(f'connect-to = "127.0.0.1:8000:127.0.0.1:{port}"\n')
    command = tmp_path / "bin" / "polarizer"
    command.write_text(
        "#!/bin/sh\n"
        'case $1 in defend|purify) set -- "$@" --config "$FAST";; esac\n'
        f'exec "{sys.executable}" -m client "$@"\n'
    )
    (tmp_path / "repaired").mkdir()
    shutil.copy(report, tmp_path / "repaired")
    return place


@needs_bash
@pytest.mark.parametrize("block", COMMANDS, ids=ids(COMMANDS))
def test_the_commands_run(place: dict[str, str], tmp_path: Path, block: Block) -> None:
    run(block.text.replace("accuracy_drop <= 2%", "accuracy_drop <= 1"), tmp_path, place)


@needs_bash
@needs_curl
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("guide", GUIDES)
def test_the_guides_run(place: dict[str, str], tmp_path: Path, guide: str) -> None:
    """From the first to the last block."""
    steps = blocks(DOCS / "how-to" / f"{guide}.md", "sh", "python")
    assert steps
    run(story(steps).replace("accuracy_drop <= 5%", "accuracy_drop <= 1"), tmp_path, place)


@needs_bash
@pytest.mark.timeout(1800)
def test_keys_are_rotated(tmp_path: Path) -> None:
    """In a service of its own, which asks for keys afterwards."""
    run("python -m service migrate", tmp_path, environment(tmp_path))
    run(story(blocks(DOCS / "how-to" / "rotate-keys.md", "sh")), tmp_path, environment(tmp_path))


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
    for room in (Defenses, Uploads, Multiparts, Models, Names, Keys, Tensors, Webhooks):
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
