"""The MLflow recipe against a real service, and a registry that is played."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from client.downloads import digest_of
from tests.client.conftest import Files
from tests.client.pipelines.conftest import FAST, PIPELINES
from tests.client.pipelines.registry import Registry


@pytest.fixture(scope="module")
def recipe() -> Any:
    path = PIPELINES / "mlflow" / "repair.py"
    spec = importlib.util.spec_from_file_location("polarizer_mlflow_recipe", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def registry(model_folder: Path, tmp_path: Path) -> Registry:
    registry = Registry(tmp_path / "mlruns")
    registry.versions["signs", "1"] = str(model_folder)
    registry.aliases["signs", "candidate"] = "1"
    return registry


def run(recipe: Any, registry: Registry, files: Files, *more: str) -> int:
    arguments = ["models:/signs@candidate", "--clean", str(files.clean), "--config", FAST]
    code: int = recipe.main([*arguments, *more], registry)
    return code


def test_a_repaired_version_gets_the_alias(
    recipe: Any,
    registry: Registry,
    files: Files,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("POLARIZER_URL", url)
    require = ("--require", "accuracy_before > 90%", "--alias", "champion")
    assert run(recipe, registry, files, *require) == 0
    assert capsys.readouterr().out == (
        "signs version 2: all conditions hold; @champion points at it\n"
    )
    assert registry.aliases == {("signs", "candidate"): "1", ("signs", "champion"): "2"}
    folder = Path(registry.versions["signs", "2"])
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.json",
        "model.safetensors",
        "report.json",
    ]
    report = json.loads((folder / "report.json").read_text())
    assert digest_of(folder / "model.safetensors") == report["artefact"]["sha256"]
    assert report["inputs"]["model"]["sha256"] == digest_of(files.model)
    assert registry.metrics["accuracy_after"] == report["numbers"]["accuracy_after"]
    assert registry.params["defense_id"] == report["defense_id"]
    assert json.loads(registry.texts["gate.json"])["passed"] is True
    assert registry.tags["polarizer.passed"] == "true"

    assert run(recipe, registry, files, "--alias", "champion", "--require", "1 > 2") == 1
    assert registry.aliases["signs", "champion"] == "2"
    assert "no alias was moved" in capsys.readouterr().out


def test_what_is_wrong_is_told(
    recipe: Any, registry: Registry, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(recipe, registry, files, "--require", "nonsense < 1") == 2
    assert "nonsense" in capsys.readouterr().err
    assert list(registry.versions) == [("signs", "1")]
