"""The Kubeflow component, as kfp compiled it, and its command run against a real service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.client.conftest import Files
from tests.client.pipelines.conftest import FAST, PIPELINES, Shell, parameters, read

COMPONENT: dict[str, Any] = read("kubeflow/component.yaml")
CONTAINER: dict[str, Any] = COMPONENT["deploymentSpec"]["executors"]["exec-repair-classifier"][
    "container"
]
PLACE = re.compile(r"\{\{\$\.(inputs|outputs)\.(artifacts|parameters)\['(\w+)'\](?:\.(\w+))?\}\}")


def test_placeholders_name_what_there_is() -> None:
    definition = COMPONENT["components"]["comp-repair-classifier"]
    for direction, kind, name, _ in PLACE.findall(" ".join(CONTAINER["args"])):
        assert name in definition[f"{direction.removesuffix('s')}Definitions"][kind]


def test_options_are_those_of_the_command() -> None:
    used = {argument for argument in CONTAINER["args"] if argument.startswith("--")}
    assert used <= parameters("defend") | {"--url"}
    source = (PIPELINES / "kubeflow/component.py").read_text()
    assert used == set(re.findall(r'"(--[a-z-]+)"', source)), "compile component.py again"


def test_its_command(
    shell: Shell, url: str, files: Files, model_folder: Path, tmp_path: Path
) -> None:
    places = {
        "model": str(model_folder),
        "clean": str(files.clean),
        "repaired": str(tmp_path / "repaired"),
        "defense_id": str(tmp_path / "outputs" / "defense_id"),
        "passed": str(tmp_path / "outputs" / "passed"),
        "description": "",
        "config": FAST,
        "require": "accuracy_before > 90% and measured_on == 'held_out'",
        "url": url,
    }
    arguments = [PLACE.sub(lambda found: places[found[3]], text) for text in CONTAINER["args"]]
    done = shell(*CONTAINER["command"], *arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs" / "passed").read_text() == "true"
    assert (tmp_path / "outputs" / "defense_id").read_text().startswith("def_")
    assert (tmp_path / "repaired" / "model.safetensors").stat().st_size
