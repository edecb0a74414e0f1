"""Six families, two exporters: read, computed as ONNX Runtime does, repaired, written back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from onnx import ModelProto
from torch import nn

from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import LoadedModel, Provenance, load_classifier
from polarizer.config import Method, PurifyConfig
from polarizer.descent import RATE, RATE_OF_STREAMS, relative_rate
from polarizer.images import LabelledImages
from polarizer.onnx.exporting import exported
from polarizer.onnx.parsing import tensors_of
from polarizer.purification import Purification, choose_layers, purify
from tests.polarizer.onnx.exports import NAMES, SIZE, content
from tests.polarizer.onnx.graphs import by_runtime, noise

STREAMS = ("convnext", "vit", "mobilenet", "efficientnet")


def loaded(folder: Path, name: str) -> LoadedModel:
    path = folder / "model.onnx"
    path.write_bytes(content(name))
    return load_classifier(path)


def images(count: int = 12) -> LabelledImages:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return LabelledImages(pixels, torch.arange(count) % 10)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_onnx_runtime_does(tmp_path: Path, name: str) -> None:
    network = loaded(tmp_path, name).classifier.module
    made = ModelProto.FromString(content(name))
    for count in (1, 2, 5):
        batch = noise(count, 3, SIZE, SIZE)
        with torch.inference_mode():
            found = network(batch)
        expected = by_runtime(made, batch)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max())


@pytest.mark.parametrize("name", NAMES)
def test_its_layers_are_found(tmp_path: Path, name: str) -> None:
    source = loaded(tmp_path, name)
    kinds = [type(part) for part in source.classifier.module.children()]
    assert issubclass(kinds[0], nn.Conv2d)
    assert nn.Linear in kinds
    for method in (Method.STAGE, Method.DEEP, Method.NPD):
        assert choose_layers(source.classifier, method)
    streams = name.startswith(STREAMS)
    assert relative_rate(source.classifier) == (RATE_OF_STREAMS if streams else RATE)
    assert source.description.classes == tuple(map(str, range(10)))
    trained = sum(part.numel() for part in source.classifier.parameters())
    assert trained > 0.9 * source.checkpoint.elements


def repaired(source: LoadedModel, method: Method) -> Purification:
    options = {"steps": 2, "batch_size": 4, "warmup_steps": 0, "check_every": 0, "holdout": 0.25}
    config = PurifyConfig(method=method, precision="float32", **options)
    return purify(source.classifier, images(), config)


def shipped(folder: Path, source: LoadedModel, done: Purification) -> LoadedModel:
    path = folder / "artefact.safetensors"
    save_artefact(
        path,
        done.classifier,
        source,
        method=done.config.method,
        polarized_layers=done.layers,
        provenance=Provenance(),
    )
    return load_artefact(path)


@pytest.mark.parametrize("name", NAMES)
def test_repaired_it_goes_back_into_its_graph(tmp_path: Path, name: str) -> None:
    source = loaded(tmp_path, name)
    done = repaired(source, Method.DEEP)
    artefact = shipped(tmp_path, source, done)
    before, after = ModelProto.FromString(content(name)), exported(artefact)

    batch = noise(3, 3, SIZE, SIZE)
    with torch.inference_mode():
        expected = done.classifier.module(batch)
    found = by_runtime(after, batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max())

    changed = {
        name
        for (name, old), (_, new) in zip(tensors_of(before), tensors_of(after), strict=True)
        if old != new
    }
    assert changed <= source.checkpoint.onnx.graph.weights
    assert changed
    for made in (before, after):
        for _, tensor in tensors_of(made):
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
    assert before == after
