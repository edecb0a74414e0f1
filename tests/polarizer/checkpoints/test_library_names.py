"""Files of the transformers library, whose networks call their tensors otherwise than the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from polarizer.artefact import load_artefact, save_artefact
from polarizer.checkpoints import LoadedModel, Provenance, load_classifier
from polarizer.config import Method
from polarizer.errors import CheckpointKeysError
from tests.polarizer.architectures.test_huggingface import TINY
from tests.polarizer.models import description

PIXELS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
OTHERWISE = ("vit", "swin")
PROVENANCE = Provenance(inputs={}, config={}, seed=0, versions={})


def saved(folder: Path, kind: str) -> tuple[Path, Any]:
    """The library's own file of a network with random weights, and the network."""
    from transformers import AutoConfig, AutoModelForImageClassification

    head = {"architectures": ["DeiTForImageClassification"]} if kind == "deit" else {}
    config = AutoConfig.for_model(kind, num_labels=3, **TINY[kind], **head)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoModelForImageClassification.from_config(config).eval()
    network.save_pretrained(folder)
    return folder / "model.safetensors", network


def loaded(path: Path, kind: str) -> LoadedModel:
    config = {"model_type": kind, **TINY[kind]}
    architecture = {"name": "huggingface", "config": config, "num_classes": 3}
    return load_classifier(path, description(architecture, size=32))


@pytest.mark.parametrize("kind", TINY)
def test_the_file_is_the_network(tmp_path: Path, kind: str) -> None:
    path, network = saved(tmp_path, kind)
    with torch.no_grad():
        wanted = network((PIXELS - 0.5) / 0.25).logits
        assert torch.equal(loaded(path, kind).classifier(PIXELS), wanted)


@pytest.mark.parametrize("kind", OTHERWISE)
def test_the_library_calls_them_otherwise(tmp_path: Path, kind: str) -> None:
    """So that the test above means something."""
    path, network = saved(tmp_path, kind)
    assert load_file(path).keys() != network.state_dict().keys()


@pytest.mark.parametrize("kind", OTHERWISE)
def test_an_artefact_has_the_names_that_came_in(tmp_path: Path, kind: str) -> None:
    path, _ = saved(tmp_path, kind)
    source, purified = loaded(path, kind), loaded(path, kind).classifier
    with torch.no_grad():
        for parameter in purified.module.parameters():
            parameter.mul_(1.01)
    out = tmp_path / "repaired.safetensors"
    facts = {"method": Method.STAGE, "polarized_layers": ("classifier",), "provenance": PROVENANCE}
    save_artefact(out, purified, source, **facts)
    assert load_file(out).keys() == load_file(path).keys()
    again = load_artefact(out)
    with torch.no_grad():
        assert torch.equal(again.classifier(PIXELS), purified(PIXELS))


def test_what_is_missing_is_still_missed(tmp_path: Path) -> None:
    path, _ = saved(tmp_path, "vit")
    weights = load_file(path)
    gone = next(name for name in weights if "attention" in name)
    save_file({name: tensor for name, tensor in weights.items() if name != gone}, path)
    with pytest.raises(CheckpointKeysError, match="1 missing"):
        loaded(path, "vit")
