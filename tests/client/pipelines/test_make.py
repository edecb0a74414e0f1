"""The example Makefile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.client.conftest import Files
from tests.client.pipelines.conftest import FAST, PIPELINES, Shell

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def test_what_passed_is_shipped_and_made_once(
    shell: Shell, url: str, files: Files, model_folder: Path, tmp_path: Path
) -> None:
    rules = str(PIPELINES / "make" / "Makefile")
    given = [
        f"MODEL={model_folder / 'model.safetensors'}",
        f"CLEAN={files.clean_folder}",
        f"OPTIONS=--config '{FAST}'",
    ]
    refused = shell(
        "make", "-f", rules, "ship", *given, "REQUIRE=--require '1 > 2'", POLARIZER_URL=url
    )
    work = tmp_path / "work"
    assert refused.returncode == 2
    assert not (work / "dist").exists()
    done = shell(
        "make", "-f", rules, "ship", *given, "REQUIRE=--require '1 < 2'", POLARIZER_URL=url
    )
    assert done.returncode == 0, done.stderr
    assert "defend" not in done.stdout, "the repair was done already"
    assert (work / "dist" / "model.safetensors").stat().st_size
    assert json.loads((work / "repaired" / "gate.json").read_text())["data"]["passed"] is True
    assert "purify" in shell("make", "-n", "-f", rules, *given, "OUT=elsewhere").stdout
