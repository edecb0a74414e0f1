"""The file gives the base model back, holds nothing else, and fits no other model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from polarizer.alarm.facts import Calibration
from polarizer.alarm.file import load_alarm, save_alarm
from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import CheckpointLimits, LoadedModel, Provenance, write_safetensors
from polarizer.checkpoints.safetensors_file import read_safetensors
from polarizer.config import Method
from polarizer.errors import ModelFormatError
from tests.polarizer.alarm.pairs import pixels_for, purified_of
from tests.polarizer.models import loaded

CALIBRATION = Calibration(threshold=1.5, images=120, flagged=0, rate=0.0083)


@pytest.mark.parametrize("method", [Method.STAGE, Method.NPD])
def test_the_base_model_comes_back(tmp_path: Path, method: Method) -> None:
    source = loaded(tmp_path)
    shipped = ship(tmp_path, source, method)
    save_alarm(tmp_path / "alarm", source.classifier, shipped.classifier, CALIBRATION)
    base, calibration = load_alarm(tmp_path / "alarm", shipped)
    assert calibration == CALIBRATION
    pixels = pixels_for(base, 4)
    with torch.inference_mode():
        torch.testing.assert_close(base(pixels), source.classifier(pixels))
        assert not torch.equal(base(pixels), shipped.classifier(pixels))


def test_it_holds_only_what_was_changed(tmp_path: Path) -> None:
    source = loaded(tmp_path)
    shipped = ship(tmp_path, source, Method.STAGE)
    save_alarm(tmp_path / "alarm", source.classifier, shipped.classifier, CALIBRATION)
    tensors, _ = read_safetensors(tmp_path / "alarm", CheckpointLimits())
    assert set(tensors) == {"conv2.weight", "conv3.weight"}


def test_another_models_file_is_refused(tmp_path: Path) -> None:
    shipped = ship(tmp_path, loaded(tmp_path), Method.STAGE)
    write_safetensors(tmp_path / "alarm", {"conv9.weight": torch.zeros(3)}, {})
    with pytest.raises(ModelFormatError, match="another model"):
        load_alarm(tmp_path / "alarm", shipped)


@pytest.mark.parametrize("said", [{}, {"polarizer.alarm": "1"}, {"polarizer.alarm": "2"}])
def test_a_file_that_says_no_threshold_is_refused(tmp_path: Path, said: dict[str, str]) -> None:
    shipped = ship(tmp_path, loaded(tmp_path), Method.STAGE)
    write_safetensors(tmp_path / "alarm", {}, said)
    with pytest.raises(ModelFormatError, match="alarm"):
        load_alarm(tmp_path / "alarm", shipped)


def ship(folder: Path, source: LoadedModel, method: Method) -> LoadedModel:
    purified = purified_of(source.classifier, method)
    path = folder / "artefact.safetensors"
    save_artefact(
        path,
        purified,
        source,
        method=method,
        polarized_layers=("conv3",),
        provenance=Provenance(),
    )
    return load_artefact(path)
