"""Pipeline files, and a machine on which their steps can run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.client.conftest import ROOT, Files
from tests.worker import samples

PIPELINES = ROOT / "deploy" / "pipelines"
FAST = json.dumps(samples.FAST)

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def read(name: str) -> Any:
    return yaml.safe_load((PIPELINES / name).read_text())


def parameters(command: str) -> set[str]:
    """The options that a command has."""
    done = subprocess.run(
        [sys.executable, "-m", "client", command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.replace(",", " ").split()
    return {word for word in words if word.startswith("--")}


@pytest.fixture
def model_folder(files: Files, tmp_path: Path) -> Path:
    """A folder with the weights and their description, as a registry hands it out."""
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(files.model, folder / "model.safetensors")
    shutil.copy(files.description, folder / "model.json")
    return folder


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a program with ``polarizer`` on its path, in an empty folder."""
    tools, work = tmp_path / "bin", tmp_path / "work"
    for folder in (tools, work):
        folder.mkdir()
    command = tools / "polarizer"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m client "$@"\n')
    command.chmod(0o755)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            arguments,
            cwd=work,
            env=os.environ
            | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
            | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run
