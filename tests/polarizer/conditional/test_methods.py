"""Each class-conditioned method on every kind of network, from purification to a served file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import LoadedModel, Provenance, write_safetensors
from polarizer.classifier import Classifier
from polarizer.conditional.layer import conditioned_layers
from polarizer.config import CONDITIONING, Method, PurifyConfig
from polarizer.errors import CheckpointKeysError, ConfigError
from polarizer.images import LabelledImages
from polarizer.purification import Purification, purify
from tests.polarizer.models import SMALL_CNN, loaded, network

FORMS = pytest.mark.parametrize("method", CONDITIONING)
ATTENTION = {"num_attention_heads": 2, "intermediate_size": 16, "image_size": 32, "patch_size": 8}

SCALED = {"layer_scale_init_value": 1.0}  # by default blocks begin as next to nothing
WINDOWS = {"window_size": 2, "image_size": 32, "patch_size": 4}


def _hub(model_type: str, **config: Any) -> dict[str, Any]:
    config = {"model_type": model_type, **config}
    return {"name": "huggingface", "num_classes": 3, "config": config}


ARCHITECTURES: dict[str, tuple[dict[str, Any], int]] = {
    "small_cnn": (SMALL_CNN, 8),
    "resnet20": ({"name": "resnet20", "width": 2, "num_classes": 3}, 16),
    "preact_resnet18": ({"name": "preact_resnet18", "width": 2, "num_classes": 3}, 16),
    "vgg19_bn": ({"name": "vgg19_bn", "width": 2, "num_classes": 3}, 32),
    "vit": (_hub("vit", hidden_size=8, num_hidden_layers=2, **ATTENTION), 32),
    "resnet": (_hub("resnet", embedding_size=4, hidden_sizes=[8, 8], depths=[1, 1]), 32),
    "convnext": (_hub("convnext", hidden_sizes=[4, 8], depths=[1, 1], num_stages=2, **SCALED), 32),
    "mobilenet_v2": (_hub("mobilenet_v2", depth_multiplier=0.1), 32),
    "swin": (_hub("swin", embed_dim=4, depths=[1, 1], num_heads=[1, 2], **WINDOWS), 32),
}


def _images(source: LoadedModel, count: int = 12) -> LabelledImages:
    spec = source.description.input
    shape = (count, spec.channels, spec.height, spec.width)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return LabelledImages(pixels, torch.arange(count) % len(source.description.classes))


def _purified(source: LoadedModel, method: Method, **given: Any) -> Purification:
    settings = {"steps": 2, "warmup_steps": 0, "batch_size": 6, "learning_rate": 0.5}
    config = PurifyConfig(method=method, **(settings | given))
    return purify(source.classifier, _images(source), config)


def _save(path: Path, result: Purification, source: LoadedModel) -> None:
    method, layers, provenance = result.config.method, result.layers, Provenance()
    save_artefact(path, result.classifier, source, method=method,
                  polarized_layers=layers, provenance=provenance)  # fmt: skip


@FORMS
@pytest.mark.parametrize(("architecture", "size"), ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_file_answers_as_the_purified_network(
    method: Method, architecture: dict[str, Any], size: int, tmp_path: Path
) -> None:
    source = loaded(tmp_path, architecture, size)
    before = {name: value.clone() for name, value in source.classifier.module.state_dict().items()}
    pixels = _images(source).pixels()

    result = _purified(source, method)
    _save(tmp_path / "out", result, source)
    back = load_artefact(tmp_path / "out").classifier

    assert torch.equal(back(pixels), result.classifier(pixels))
    assert not torch.equal(back(pixels), source.classifier(pixels))
    (layer,) = result.layers
    kept = {
        name.replace(f"{layer}.layer.", f"{layer}."): value
        for name, value in back.module.state_dict().items()
        if ".polarizer." not in name
    }
    assert all(torch.equal(kept[name], value) for name, value in before.items())
    missing = network(architecture).load_state_dict(load_file(tmp_path / "out"), strict=False)[0]
    assert f"{layer}.weight" in missing


@FORMS
def test_equal_seeds_give_equal_results(method: Method, tmp_path: Path) -> None:
    source = loaded(tmp_path)
    first, again, other = (
        _purified(source, method, seed=seed).classifier.state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@FORMS
def test_a_file_without_its_polarizer_is_refused(method: Method, tmp_path: Path) -> None:
    source = loaded(tmp_path)
    _save(tmp_path / "out", _purified(source, method), source)
    artefact = load_artefact(tmp_path / "out").checkpoint
    stripped = {n: t for n, t in artefact.tensors.items() if ".polarizer." not in n}
    write_safetensors(tmp_path / "out", stripped, artefact.metadata or {})
    with pytest.raises(CheckpointKeysError, match="not repaired"):
        load_artefact(tmp_path / "out")


def test_the_polarizer_of_another_method_does_not_fit(tmp_path: Path) -> None:
    source = loaded(tmp_path)
    _save(tmp_path / "out", _purified(source, Method.R_CNPD), source)
    artefact = load_artefact(tmp_path / "out").checkpoint
    metadata = {
        name: value.replace("r-cnpd", "e-cnpd") for name, value in (artefact.metadata or {}).items()
    }
    write_safetensors(tmp_path / "out", artefact.tensors, metadata)
    with pytest.raises(CheckpointKeysError, match="embedding"):
        load_artefact(tmp_path / "out")


def test_a_repaired_file_can_be_repaired_again(tmp_path: Path) -> None:
    source = loaded(tmp_path)
    _save(tmp_path / "once", _purified(source, Method.R_CNPD), source)
    once = load_artefact(tmp_path / "once")

    result = _purified(once, Method.E_CNPD, layers=["conv3"])
    _save(tmp_path / "twice", result, once)
    twice = load_artefact(tmp_path / "twice")

    methods = {name: layer.method for name, layer in conditioned_layers(twice.classifier).items()}
    assert methods == {"module.conv2": Method.R_CNPD, "module.conv3": Method.E_CNPD}
    pixels = _images(source).pixels()
    assert torch.equal(twice.classifier(pixels), result.classifier(pixels))


def test_only_the_polarizer_of_the_base_answer_is_used(tmp_path: Path) -> None:
    source = loaded(tmp_path)
    pixels = _images(source, 60).pixels()
    bias = source.classifier.module.linear.bias
    bias.sub_(source.classifier(pixels).mean(0))  # type: ignore[operator, union-attr]
    classifier = _purified(source, Method.R_CNPD).classifier
    base = source.classifier(pixels).argmax(1)
    before = classifier(pixels)
    (layer,) = conditioned_layers(classifier).values()
    chosen = int(base[0])

    layer.polarizer.shifts[chosen].add_(1)  # type: ignore[index, union-attr]

    changed = (classifier(pixels) != before).any(1)
    assert torch.equal(changed, base == chosen)
    assert not changed.all()


def test_too_many_classes_are_refused_before_any_work(tmp_path: Path) -> None:
    source = loaded(tmp_path, SMALL_CNN | {"num_classes": 101})
    with pytest.raises(ConfigError, match="e-cnpd"):
        _purified(source, Method.R_CNPD)
    many: Classifier = _purified(source, Method.A_CNPD).classifier
    assert many(_images(source).pixels()).shape == (12, 101)
