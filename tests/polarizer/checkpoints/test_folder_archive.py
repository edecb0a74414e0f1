"""A Hugging Face folder as a zip: the model that it is, or a reason; never anything run."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from polarizer.architectures import build, parse_architecture
from polarizer.checkpoints import (
    CheckpointLimits,
    LoadedModel,
    SourceFormat,
    load_classifier,
    read_checkpoint,
)
from polarizer.errors import ArchitectureError, ModelFormatError

NETWORK: dict[str, Any] = {
    "model_type": "resnet",
    "num_channels": 3,
    "embedding_size": 4,
    "hidden_sizes": [8, 8],
    "depths": [1, 1],
    "layer_type": "basic",
}
CONFIG = NETWORK | {"id2label": {"0": "cat", "1": "dog", "2": "cow"}}
PREPROCESSOR = {"size": {"shortest_edge": 32}, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
PIXELS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    architecture = {"name": "huggingface", "config": NETWORK, "num_classes": 3}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(parse_architecture(architecture)).eval()


@pytest.fixture
def weights(network: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def folder(**changes: bytes | None) -> dict[str, bytes]:
    """The configurations, and ``changes`` to them by name; None leaves a file out."""
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        "preprocessor_config.json": json.dumps(PREPROCESSOR).encode(),
    }
    return {name: content for name, content in (files | changes).items() if content is not None}


def packed(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path / "model", "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path / "model"


def in_two(weights: dict[str, Tensor]) -> dict[str, bytes]:
    names = sorted(weights)
    halves = names[::2], names[1::2]
    return {
        f"model-0000{number}-of-00002.safetensors": save({name: weights[name] for name in half})
        for number, half in enumerate(halves, start=1)
    }


def pickled(weights: dict[str, Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


def check(loaded: LoadedModel, network: torch.nn.Module) -> None:
    assert loaded.description.classes == ("cat", "dog", "cow")
    with torch.no_grad():
        assert torch.equal(loaded.classifier(PIXELS), network((PIXELS - 0.5) / 0.25).logits)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("root", ["", "my-model/", "a/b/"])
def test_the_folder_is_the_model(
    tmp_path: Path, network: Any, weights: dict[str, Tensor], root: str, compression: int
) -> None:
    files = folder(**{"model.safetensors": save(weights), "README.md": b"#", "tf_model.h5": b"x"})
    path = packed(tmp_path, {root + name: file for name, file in files.items()}, compression)
    loaded = load_classifier(path)
    assert loaded.checkpoint.source_format is SourceFormat.SAFETENSORS
    check(loaded, network)


def test_weights_in_parts(tmp_path: Path, network: Any, weights: dict[str, Tensor]) -> None:
    check(load_classifier(packed(tmp_path, folder(**in_two(weights)))), network)


def test_weights_of_torch_save(tmp_path: Path, network: Any, weights: dict[str, Tensor]) -> None:
    files = folder(**{"pytorch_model.bin": pickled(weights)})
    loaded = load_classifier(packed(tmp_path, files))
    assert loaded.checkpoint.source_format is SourceFormat.TORCH
    check(loaded, network)


def test_the_request_describes_it_better(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = packed(tmp_path, folder(**{"model.safetensors": save(weights)}))
    own = read_checkpoint(path).description
    assert own
    other = own.model_copy(update={"classes": ("a", "b", "c")})
    assert load_classifier(path, other).description.classes == ("a", "b", "c")
    bare = folder(**{"model.safetensors": save(weights), "preprocessor_config.json": None})
    path = packed(tmp_path, bare)
    assert load_classifier(path, other).description == other
    with pytest.raises(ArchitectureError, match=r"no preprocessor_config\.json"):
        load_classifier(path)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"config.json": b"{"}, "not JSON"),
        ({"config.json": b"[" * 100_000}, "not JSON"),
        ({"config.json": b"[]"}, "not a JSON object"),
        ({"preprocessor_config.json": b"\xff"}, "not JSON"),
        ({}, "no weights"),
        ({"model.safetensors": b"\x80\x04."}, "damaged"),
        ({"pytorch_model.bin": b"\x80\x04."}, "damaged"),
        ({"a/config.json": b"{}", "b/config.json": b"{}", "config.json": None}, "several models"),
    ],
    ids=["json", "deep", "list", "bytes", "none", "weights", "pickle", "several"],
)
def test_what_is_refused(tmp_path: Path, files: dict[str, bytes | None], says: str) -> None:
    with pytest.raises(ModelFormatError, match=says):
        read_checkpoint(packed(tmp_path, folder(**files)))


def test_two_parts_with_one_name(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    first, second = in_two(weights)
    files = folder(**{first: save(weights), second: in_two(weights)[second]})
    with pytest.raises(ModelFormatError, match="two files"):
        read_checkpoint(packed(tmp_path, files))


def test_no_more_is_unpacked_than_weights_shrink(tmp_path: Path) -> None:
    bomb = {"model.safetensors": save({"a": torch.zeros(40 * 2**18)})}  # 40 MiB
    path = packed(tmp_path, folder(**bomb), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    with pytest.raises(ModelFormatError, match="without compression"):
        read_checkpoint(path)
    path = packed(tmp_path, folder(**{"model.safetensors": save({"a": torch.zeros(300)})}))
    with pytest.raises(ModelFormatError, match="without compression"):
        read_checkpoint(path, CheckpointLimits(max_header_bytes=10))


def test_a_damaged_entry(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    path = packed(tmp_path, folder(**{"model.safetensors": save(weights)}))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0x01
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match="damaged"):
        read_checkpoint(path)
