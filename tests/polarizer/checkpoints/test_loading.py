"""Loading is strict: a file either is the network that the description says, or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from polarizer.checkpoints import LoadedModel, SourceFormat, load_classifier
from polarizer.errors import (
    ArchitectureError,
    CheckpointKeysError,
    ModelFormatError,
    ModelValueError,
)
from tests.polarizer.models import SMALL_CNN, description, network, state

PIXELS = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def _load(folder: Path, tensors: dict[str, Tensor], **architecture: Any) -> LoadedModel:
    save_file(tensors, folder / "model")
    return load_classifier(folder / "model", description(SMALL_CNN | architecture))


def _expected() -> Tensor:
    with torch.no_grad():
        return network()((PIXELS - 0.5) / 0.25)


def test_the_classifier_answers_as_the_network_that_was_saved(tmp_path: Path) -> None:
    loaded = _load(tmp_path, state())
    assert torch.equal(loaded.classifier(PIXELS), _expected())
    assert loaded.checkpoint.source_format is SourceFormat.SAFETENSORS
    assert loaded.checkpoint.description is None


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "model._orig_mod."])
def test_the_names_of_training_wrappers_are_understood(tmp_path: Path, prefix: str) -> None:
    loaded = _load(tmp_path, {prefix + name: tensor for name, tensor in state().items()})
    assert loaded.prefix == prefix
    assert torch.equal(loaded.classifier(PIXELS), _expected())


def test_half_precision_is_computed_in_single_and_kept_in_the_checkpoint(tmp_path: Path) -> None:
    halves = {k: t.half() if t.is_floating_point() else t for k, t in state().items()}
    loaded = _load(tmp_path, halves)
    assert loaded.checkpoint.tensors["linear.weight"].dtype == torch.float16
    assert loaded.classifier(PIXELS).dtype == torch.float32


def test_a_torch_checkpoint_loads_alike(tmp_path: Path) -> None:
    torch.save({"model": state()}, tmp_path / "model")
    loaded = load_classifier(tmp_path / "model", description())
    assert loaded.checkpoint.container == "model"
    assert torch.equal(loaded.classifier(PIXELS), _expected())


def test_loading_draws_nothing_from_the_global_generator(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    _load(tmp_path, state())
    assert torch.equal(torch.get_rng_state(), before)


def test_every_tensor_that_does_not_fit_is_named(tmp_path: Path) -> None:
    tensors = state(linear__bias=torch.zeros(5), extra__weight=torch.zeros(1))
    tensors["bn1.weight"] = torch.zeros(2, dtype=torch.int64)
    del tensors["conv1.weight"], tensors["conv2.weight"]
    with pytest.raises(CheckpointKeysError) as caught:
        _load(tmp_path, tensors)
    message = str(caught.value)
    assert "2 missing: conv1.weight, conv2.weight" in message
    assert "1 unexpected: extra.weight" in message
    assert "2 misshapen: " in message
    assert "linear.bias is (5,), should be (3,)" in message
    assert "bn1.weight holds int64, should hold float32" in message


def test_a_long_list_of_misfits_is_cut(tmp_path: Path) -> None:
    with pytest.raises(CheckpointKeysError) as caught:
        _load(tmp_path, state(), width=3)
    assert "16 misshapen" in str(caught.value)
    assert "and 11 more" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_network_far_larger_than_the_file_is_never_built(tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match="holds 464 numbers"):
        _load(tmp_path, state(), name="preact_resnet18", width=512)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path: Path, value: float) -> None:
    broken = state()["conv3.weight"].clone()
    broken[0, 0, 0, 0] = value
    with pytest.raises(ModelValueError, match=r"1 tensors .*conv3\.weight"):
        _load(tmp_path, state(conv3__weight=broken))


def test_a_network_that_answers_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelValueError, match="grey image"):
        _load(tmp_path, state(bn1__running_var=torch.tensor([-1.0, -1.0])))


def test_a_network_that_cannot_take_such_images_is_refused(tmp_path: Path) -> None:
    vgg = {"name": "vgg19_bn", "width": 1, "channels": 3, "num_classes": 3}
    save_file(network(vgg).state_dict(), tmp_path / "model")
    load_classifier(tmp_path / "model", description(vgg, size=32))
    with pytest.raises(ArchitectureError, match="does not take images of"):
        load_classifier(tmp_path / "model", description(vgg, size=16))


def test_without_a_description_the_error_says_what_to_send(tmp_path: Path) -> None:
    save_file(state(), tmp_path / "model")
    with pytest.raises(ArchitectureError, match="architecture, input and classes"):
        load_classifier(tmp_path / "model")


def test_no_tensors_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="holds no weights"):
        _load(tmp_path, {})
