"""Files that strangers send: each fails its job with the cause in its message."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from polarizer.description import ModelDescription
from tests.worker import samples
from tests.worker.child.conftest import Do


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def with_weights(**changes: torch.Tensor) -> bytes:
    named = {name.replace("__", "."): tensor for name, tensor in changes.items()}
    return save(samples.backdoored() | named)


def huge_png() -> bytes:
    """A PNG whose header says 20,000 x 20,000."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def one_class() -> bytes:
    pixels, labels = samples.images(60)
    return samples.npz(pixels, torch.zeros_like(labels))


def foreign_classes() -> bytes:
    pixels, labels = samples.images(60)
    return samples.npz(pixels, labels + 5)


def no_image() -> bytes:
    file = io.BytesIO()
    np.savez(file, images=np.zeros((0, 8, 8), np.uint8), labels=np.zeros(0, np.int64))
    return file.getvalue()


MODELS: dict[str, tuple[Any, str, str]] = {
    "empty": (lambda: b"", "model-format", "empty"),
    "random bytes": (lambda: b"\x07\x5a" * 500, "model-format", "no format that is known"),
    "a pickle": (lambda: pickle.dumps({"weights": [1, 2]}), "model-format", "pickle"),
    "TorchScript": (
        lambda: zipped({"net/constants.pkl": b"", "net/data.pkl": b"", "net/code/x.py": b""}),
        "model-format",
        "TorchScript",
    ),
    ".pt2": (
        lambda: zipped({"net/archive_format": b"pt2", "net/models/model.json": b"{}"}),
        "model-format",
        "torch.export",
    ),
    "a truncated safetensors": (lambda: samples.model_file()[:-100], "model-format", ""),
    "wrong keys": (
        lambda: with_weights(extra__weight=torch.zeros(3)),
        "checkpoint-keys",
        "extra.weight",
    ),
    "another shape": (
        lambda: with_weights(linear__bias=torch.zeros(4)),
        "checkpoint-keys",
        "linear.bias",
    ),
    "NaN weights": (
        lambda: with_weights(linear__bias=torch.tensor([0.0, float("nan"), 0.0])),
        "model-values",
        "linear.bias",
    ),
}
IMAGES: dict[str, tuple[Any, str, str]] = {
    "empty": (lambda: b"", "dataset-format", "empty"),
    "random bytes": (lambda: b"\x07\x5a" * 500, "dataset-format", "format"),
    "a pickle": (lambda: pickle.dumps([1]), "dataset-format", "format"),
    "a zip with ../": (
        lambda: zipped({"../../rows/1.png": b"x", "rows/2.png": b"x"}),
        "dataset-",
        "..",
    ),
    "a zip bomb": (
        lambda: zipped({"rows/1.png": b"\0" * (96 << 20), "rows/2.png": b"\0" * (40 << 20)}),
        "dataset-",
        "",
    ),
    "a 20,000 x 20,000 PNG": (lambda: zipped({"rows/1.png": huge_png()}), "dataset-", "1.png"),
    "one class only": (one_class, "dataset-labels", "at least two classes"),
    "classes of another model": (foreign_classes, "dataset-labels", "no class of the model"),
    "folders of other classes": (
        lambda: zipped({"cats/1.png": b"x"}),
        "dataset-",
        "",
    ),
    "no image": (no_image, "dataset-images", "no image"),
    "no image in a zip": (lambda: zipped({"readme.txt": b"x"}), "dataset-", "image"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_bad_model_is_named(do: Do, name: str) -> None:
    make, code, words = MODELS[name]
    failure = do({"model": make()}).failure
    assert failure
    assert failure.code == code
    assert words in failure.message


@pytest.mark.parametrize("name", IMAGES)
def test_a_bad_clean_set_is_named(do: Do, name: str) -> None:
    make, code, words = IMAGES[name]
    failure = do({"clean": make()}).failure
    assert failure
    assert failure.code.startswith(code)
    assert words in failure.message
    assert "clean image" in failure.message


@pytest.mark.parametrize("role", ["test", "triggered"])
def test_the_file_at_fault_is_named(do: Do, role: str) -> None:
    failure = do({role: b"nothing"}, measured=True).failure
    assert failure
    assert failure.message.startswith(f"{role} images: ")


def test_triggered_images_need_their_true_labels(do: Do) -> None:
    pixels, labels = samples.triggered(30)
    attack = samples.npz(pixels, torch.full_like(labels, 2))
    failure = do({"triggered": attack}, measured=True).failure
    assert failure
    assert failure.code == "dataset-labels"
    assert "true labels" in failure.message


def test_an_unknown_architecture_is_named(do: Do) -> None:
    unknown = samples.DESCRIPTION.model_dump() | {
        "architecture": {
            "name": "huggingface",
            "config": {"model_type": "no-such"},
            "num_classes": 3,
        }
    }
    failure = do(description=ModelDescription.model_validate(unknown)).failure
    assert failure
    assert failure.code == "architecture-invalid"
    assert "no-such" in failure.message


def test_a_model_that_does_not_describe_itself_is_refused(do: Do) -> None:
    failure = do(description=None).failure
    assert failure
    assert failure.code == "architecture-invalid"


@pytest.mark.parametrize("target", ["circles", 3])
def test_a_target_that_the_model_lacks_is_named(do: Do, target: str | int) -> None:
    failure = do(measured=True, target_class=target).failure
    assert failure
    assert failure.code == "config-invalid"
    assert str(target) in failure.message


def test_a_layer_that_is_not_there_is_named(do: Do) -> None:
    failure = do(config=samples.FAST | {"layers": ["conv9"]}).failure
    assert failure
    assert failure.code == "config-invalid"
    assert "conv9" in failure.message


def test_a_device_that_is_not_there_is_named(do: Do) -> None:
    failure = do(device="cuda:99").failure
    assert failure
    assert failure.code == "device-unavailable"
    assert "cuda:99" in failure.message
