"""README.md and the tutorial, word for word, as a newcomer with the source would run them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from polarizer.description import ModelDescription
from tests.documents import ROOT, blocks, environment, needs_bash, needs_curl, run, story, tools_in

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
SOURCE = ("Makefile", "pyproject.toml", "constraints.txt", "demo")

pytestmark = [
    needs_bash,
    needs_curl,
    pytest.mark.skipif(not shutil.which("make"), reason="make is not installed"),
    pytest.mark.slow,
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder of the source in which everything is installed."""
    folder = tmp_path / "neural-polarizer-service"
    folder.mkdir()
    for name in SOURCE:
        kind = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        kind(ROOT / name, folder / name)
    tools_in(folder / ".venv" / "bin")
    installed = folder / ".venv" / ".installed"
    installed.touch()
    newest = max((folder / name).stat().st_mtime for name in SOURCE[1:3])
    os.utime(installed, (newest + 10, newest + 10))
    return folder


def test_the_tutorial(checkout: Path, tmp_path: Path) -> None:
    """It cleans up after itself, so what it made is kept before its last block."""
    steps = blocks(TUTORIAL, "sh", "python")
    last = steps.pop()
    assert "rm -rf" in last.text
    said = run(story(steps), checkout, environment(tmp_path))
    numbers = json.loads((checkout / "repaired" / "result.json").read_text())["data"]["numbers"]
    assert numbers["attack_success_before"] > 0.9
    assert numbers["attack_success_after"] <= 0.05
    assert "</html>" in (checkout / "report.html").read_text()
    assert said.rstrip().splitlines()[-2].split()[0] == "7"
    run(last.text, checkout, environment(tmp_path))
    left = {path.name for path in checkout.iterdir()}
    assert left == {*SOURCE, ".venv", "data", "service.log"}


def test_the_readme(checkout: Path, tmp_path: Path) -> None:
    """The files that it names are those of the example."""
    place = environment(tmp_path)
    run("make example", checkout, place)
    example = checkout / "example"
    for path in example.iterdir():
        path.rename(checkout / path.name.replace("seven.png", "image.png"))
    run(story(blocks(README, "sh", "python")), checkout, place)
    assert (checkout / "repaired" / "model.safetensors").is_file()


def test_the_description_in_the_readme_is_one() -> None:
    (block,) = blocks(README, "json")
    ModelDescription.model_validate_json(block.text)
