"""Artefacts: the same model comes back, the same bytes each time, never without its polarizers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import LoadedModel, Provenance, load_classifier, write_safetensors
from polarizer.classifier import Classifier
from polarizer.config import Method
from polarizer.errors import (
    ArchitectureError,
    CheckpointKeysError,
    ModelFormatError,
    ModelValueError,
)
from polarizer.npd import attach
from tests.polarizer.models import SMALL_CNN, description, loaded, network, state

PIXELS = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
PROVENANCE = Provenance(
    inputs={"model": "0" * 64, "clean": "1" * 64},
    config={"method": "stage", "steps": 80},
    seed=7,
    versions={"torch": "2.13.0"},
)


def _save(path: Path, classifier: Classifier, source: LoadedModel, **changes: Any) -> str:
    arguments = {"method": Method.STAGE, "polarized_layers": ("conv3",), "provenance": PROVENANCE}
    return save_artefact(path, classifier, source, **(arguments | changes))


def _repaired(source: LoadedModel) -> Classifier:
    """A stand-in for what a purification does to the weights."""
    repaired = Classifier(network(seed=1), source.description.input)
    repaired.module.conv3.weight.mul_(0.5)  # type: ignore[union-attr, operator]
    return repaired


def _polarized(source: LoadedModel) -> Classifier:
    repaired = _repaired(source)
    wrapper = attach(repaired.module, "conv2")
    with torch.no_grad():
        for parameter in wrapper.polarizer.parameters():
            parameter.add_(0.1)
    return repaired


@pytest.mark.parametrize("repair", [_repaired, _polarized])
def test_the_classifier_that_comes_back_answers_alike(tmp_path: Path, repair: Any) -> None:
    source = loaded(tmp_path)
    repaired = repair(source)
    _save(tmp_path / "out", repaired, source)
    back = load_artefact(tmp_path / "out")
    assert torch.equal(back.classifier(PIXELS), repaired(PIXELS))
    assert not torch.equal(back.classifier(PIXELS), source.classifier(PIXELS))
    assert back.description == source.description


@pytest.mark.parametrize("repair", [_repaired, _polarized])
def test_equal_content_gives_equal_bytes(tmp_path: Path, repair: Any) -> None:
    source = loaded(tmp_path)
    digest = _save(tmp_path / "one", repair(source), source)
    assert _save(tmp_path / "two", repair(source), source) == digest
    assert hashlib.sha256((tmp_path / "two").read_bytes()).hexdigest() == digest
    again = load_artefact(tmp_path / "one")
    assert _save(tmp_path / "three", again.classifier, again) == digest


def test_a_folded_artefact_is_a_plain_file_of_the_plain_network(tmp_path: Path) -> None:
    source = loaded(tmp_path)
    repaired = _repaired(source)
    _save(tmp_path / "out", repaired, source)
    plain = network()
    plain.load_state_dict(load_file(tmp_path / "out"))
    assert torch.equal(Classifier(plain, source.description.input)(PIXELS), repaired(PIXELS))


def test_names_and_types_are_those_that_came_in(tmp_path: Path) -> None:
    halves = {
        f"module.{name}": tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in state().items()
    }
    torch.save({"model": halves}, tmp_path / "source")
    source = load_classifier(tmp_path / "source", description())
    _save(tmp_path / "out", _repaired(source), source)
    written = load_file(tmp_path / "out")
    assert {k: t.dtype for k, t in written.items()} == {k: t.dtype for k, t in halves.items()}
    load_artefact(tmp_path / "out")


def test_the_metadata_says_where_it_comes_from(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "source", {"author": "someone", "polarizer.method": "none"})
    source = load_classifier(tmp_path / "source", description())
    _save(tmp_path / "out", _repaired(source), source)
    with safe_open(tmp_path / "out", "pt") as file:
        metadata = file.metadata()
    assert metadata["author"] == "someone"
    assert metadata["format"] == "pt"
    assert metadata["polarizer.format"] == "1"
    assert json.loads(metadata["polarizer.architecture"]) == SMALL_CNN
    assert json.loads(metadata["polarizer.classes"]) == ["class 0", "class 1", "class 2"]
    assert json.loads(metadata["polarizer.input"])["std"] == [0.25]
    assert json.loads(metadata["polarizer.method"]) == "stage"
    assert json.loads(metadata["polarizer.polarized_layers"]) == ["conv3"]
    assert json.loads(metadata["polarizer.provenance"]) == PROVENANCE.model_dump()


def test_everything_in_the_metadata_comes_back(tmp_path: Path) -> None:
    source = loaded(tmp_path)
    _save(tmp_path / "out", _polarized(source), source, method=Method.NPD)
    artefact = load_artefact(tmp_path / "out").checkpoint.artefact
    assert artefact is not None
    assert artefact.provenance == PROVENANCE
    assert artefact.method is Method.NPD
    assert artefact.attached_layers == {"conv2": Method.NPD}


def _artefact_with_polarizer(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    source = loaded(folder)
    _save(folder / "out", _polarized(source), source, method=Method.NPD)
    with safe_open(folder / "out", "pt") as file:
        return load_file(folder / "out"), file.metadata()


def test_an_artefact_without_its_polarizer_is_refused(tmp_path: Path) -> None:
    tensors, metadata = _artefact_with_polarizer(tmp_path)
    stripped = {name: tensor for name, tensor in tensors.items() if ".polarizer." not in name}
    write_safetensors(tmp_path / "out", stripped, metadata)
    with pytest.raises(CheckpointKeysError, match=r"lacks the polarizer.*conv2.*not repaired"):
        load_artefact(tmp_path / "out")


def test_a_polarizer_that_the_metadata_does_not_name_is_refused(tmp_path: Path) -> None:
    tensors, _ = _artefact_with_polarizer(tmp_path)
    write_safetensors(tmp_path / "out", tensors, {})
    with pytest.raises(CheckpointKeysError, match="does not name, for conv2"):
        load_classifier(tmp_path / "out", description())


def test_the_metadata_cannot_name_a_layer_that_is_not_there(tmp_path: Path) -> None:
    tensors, metadata = _artefact_with_polarizer(tmp_path)
    renamed = {name.replace("conv2.polarizer", "conv9.polarizer"): t for name, t in tensors.items()}
    write_safetensors(
        tmp_path / "out", renamed, metadata | {"polarizer.attached_layers": '["conv9"]'}
    )
    with pytest.raises(CheckpointKeysError, match="conv9"):
        load_artefact(tmp_path / "out")


def test_no_plain_network_takes_an_artefact_with_a_polarizer(tmp_path: Path) -> None:
    tensors, _ = _artefact_with_polarizer(tmp_path)
    missing, _ = network().load_state_dict(tensors, strict=False)
    assert "conv2.weight" in missing


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"polarizer.format": "2"}, "format 2"),
        ({"polarizer.classes": "[" * 10_000}, "metadata is damaged"),
        ({"polarizer.classes": '["one"]'}, "metadata is damaged"),
        ({"polarizer.architecture": '{"name": "resnet9000"}'}, "metadata is damaged"),
        ({"polarizer.method": '"magic"'}, "metadata is damaged"),
        ({"polarizer.provenance": "3"}, "metadata is damaged"),
    ],
)
def test_damaged_metadata_is_refused(tmp_path: Path, changes: dict[str, str], word: str) -> None:
    tensors, metadata = _artefact_with_polarizer(tmp_path)
    write_safetensors(tmp_path / "out", tensors, metadata | changes)
    with pytest.raises(ModelFormatError, match=word):
        load_artefact(tmp_path / "out")


def test_a_file_without_our_metadata_is_no_artefact(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "plain")
    with pytest.raises(ArchitectureError, match="does not say what network"):
        load_artefact(tmp_path / "plain")


def test_metadata_with_a_part_missing_is_refused(tmp_path: Path) -> None:
    tensors, metadata = _artefact_with_polarizer(tmp_path)
    del metadata["polarizer.provenance"]
    write_safetensors(tmp_path / "out", tensors, metadata)
    with pytest.raises(ModelFormatError, match=r"polarizer\.provenance"):
        load_artefact(tmp_path / "out")


def test_another_network_is_not_saved_under_these_names(tmp_path: Path) -> None:
    source = loaded(tmp_path)
    other = Classifier(
        network({"name": "resnet20", "width": 1, "channels": 1, "num_classes": 3}),
        source.description.input,
    )
    with pytest.raises(CheckpointKeysError, match=r"missing bn2\.bias.*unexpected layer1"):
        _save(tmp_path / "out", other, source)
    assert not (tmp_path / "out").exists()


def test_weights_that_the_file_type_cannot_hold_are_refused(tmp_path: Path) -> None:
    halves = {k: t.half() if t.is_floating_point() else t for k, t in state().items()}
    save_file(halves, tmp_path / "source")
    source = load_classifier(tmp_path / "source", description())
    huge = _repaired(source)
    huge.module.linear.bias.fill_(1e6)  # type: ignore[union-attr, operator]
    with pytest.raises(ModelValueError, match=r"linear\.bias"):
        _save(tmp_path / "out", huge, source)


VIT = {
    "name": "huggingface",
    "num_classes": 3,
    "config": {"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1}
    | {"num_attention_heads": 2, "intermediate_size": 16, "image_size": 16, "patch_size": 8}
    | {"id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}},
}


def test_transformers_loads_a_folded_artefact_beside_its_config(tmp_path: Path) -> None:
    from transformers import AutoModelForImageClassification

    source = loaded(tmp_path, VIT, size=16)
    folder = tmp_path / "hub"
    folder.mkdir()
    _save(folder / "model.safetensors", source.classifier, source)
    (folder / "config.json").write_text(json.dumps(VIT["config"]))
    model = AutoModelForImageClassification.from_pretrained(folder, local_files_only=True)
    pixels = torch.rand(2, 3, 16, 16)
    again = load_artefact(folder / "model.safetensors").classifier
    expected = Classifier(model, source.description.input)(pixels)
    assert torch.allclose(again(pixels), expected, atol=1e-6)
    assert torch.equal(again(pixels), source.classifier(pixels))
