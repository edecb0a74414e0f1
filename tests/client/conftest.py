"""A real embedded service in a process of its own, and files that its users would have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from client import Polarizer
from client.records import Defense, Status
from tests.worker import samples

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 30


@dataclass(frozen=True)
class Files:
    """What a user has on disk."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def description(self) -> Path:
        return self.folder / "model.json"

    @property
    def clean(self) -> Path:
        return self.folder / "clean.npz"

    @property
    def clean_folder(self) -> Path:
        """The same as class folders of PNG files."""
        return self.folder / "clean"

    @property
    def test(self) -> Path:
        return self.folder / "test.npz"

    @property
    def triggered(self) -> Path:
        return self.folder / "triggered.npz"

    @property
    def image(self) -> Path:
        return self.folder / "image.png"


@pytest.fixture(autouse=True)
def _nobodys_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may have a service and a configuration of their own."""
    for name in list(os.environ):
        if name.startswith("POLARIZER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    files = Files(tmp_path_factory.mktemp("files"))
    for name, content in samples.inputs(measured=True).items():
        suffix = "safetensors" if name == "model" else "npz"
        (files.folder / f"{name}.{suffix}").write_bytes(content)
    files.description.write_text(samples.DESCRIPTION.model_dump_json())
    pixels, labels = samples.images(60, seed=6)
    for index, (image, label) in enumerate(zip(pixels.numpy(), labels.tolist(), strict=True)):
        path = files.clean_folder / samples.DESCRIPTION.classes[label] / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.astype(np.uint8)).save(path)
    Image.fromarray(pixels[1].numpy()).save(files.image)
    return files


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A service with its worker, for as long as the block runs; its address."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("POLARIZER_")
    }
    environment |= {
        "POLARIZER_DATA_DIR": str(folder / "data"),
        "POLARIZER_SHUTDOWN_SECONDS": "1",
        "POLARIZER_DEVICE": "cpu",
        "POLARIZER_REUSE_RESULTS": "false",  # tests send the same files, and expect work to be done
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "client", "serve", "--port", "0"],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "listens on http://" in line, (folder / "log").read_text()
        yield line.split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that the tests of this process share."""
    with serving(tmp_path_factory.mktemp("service")) as address:
        yield address


@pytest.fixture
def service(url: str) -> Iterator[Polarizer]:
    with Polarizer(url) as service:
        yield service


@pytest.fixture(scope="session")
def defended(url: str, files: Files) -> Defense:
    """A defense that succeeded, with everything measured."""
    with Polarizer(url) as service:
        defense = service.defenses.defend(
            model=files.model,
            clean=files.clean,
            test=files.test,
            triggered=files.triggered,
            target_class=samples.TARGET,
            description=samples.DESCRIPTION.model_dump(mode="json"),
            config=samples.FAST,
            name="rows and columns",
        )
        defense = service.defenses.wait(defense.id, timeout=240)
    assert defense.status is Status.SUCCEEDED, defense.error
    return defense
