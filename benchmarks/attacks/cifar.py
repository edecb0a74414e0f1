"""All of CIFAR-10 from a local copy, in whatever form it is usually kept.

- the *python version*: ``data_batch_1`` … ``test_batch``, in a folder or a ``.tar.gz``
- the *binary version*: ``data_batch_1.bin`` … ``test_batch.bin``, in a folder or a ``.tar.gz``
- an ``.npz`` with ``x_train``, ``y_train``, ``x_test``, ``y_test``, channels last
- folders of images: ``train/<class>/*.png`` and ``test/<class>/*.png``

The pickles of the python version are read by an unpickler that knows numpy's arrays and nothing
else, so that a copy from a stranger runs no code. Archives are read in memory, never unpacked.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from polarizer.images import LabelledImages

_SIDE, _VALUES = 32, 3 * 32 * 32
_LARGEST_BATCH = 200_000_000  # bytes; a real one has 31 million
_TEST = "test_batch"
_FORMS = (
    "python batches, binary batches (each as a folder or .tar.gz), "
    "an .npz with x_train, y_train, x_test, y_test, or folders train/<class> and test/<class>"
)
_ARRAY_PARTS = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]  # (N, 3, 32, 32), (N,)


def read_cifar(path: Path) -> tuple[LabelledImages, LabelledImages]:
    """``(training, test)`` of the copy at ``path``.

    Raises :class:`ValueError` that says what was expected when it is none of the known forms.
    """
    if path.is_dir() and (path / "train").is_dir() and (path / "test").is_dir():
        return _from_folders(path / "train"), _from_folders(path / "test")
    if path.suffix == ".npz":
        return _from_npz(path)
    batches = dict(_batches(path))
    training = [batches[name] for name in sorted(batches) if name != _TEST]
    if not training or _TEST not in batches:
        raise ValueError(f"{path} holds no copy of CIFAR-10 that is read here: {_FORMS}")
    joined = tuple(np.concatenate(parts) for parts in zip(*training, strict=True))
    return _images(*joined), _images(*batches[_TEST])


def _batches(path: Path) -> Iterator[tuple[str, Arrays]]:
    for name, content in _files(path):
        batch = name.removesuffix(".bin")
        if batch == _TEST or batch.startswith("data_batch_"):
            read: Callable[[bytes], Arrays] = _binary if name.endswith(".bin") else _pickled
            yield batch, read(content)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every batch in a folder, one folder below it, or a tar archive."""
    if path.is_dir():
        for file in sorted([*path.glob("*_batch*"), *path.glob("*/*_batch*")]):
            yield file.name, file.read_bytes()
        return
    if not path.is_file() or not tarfile.is_tarfile(path):
        return
    with tarfile.open(path) as archive:
        for member in archive:
            name = PurePath(member.name).name
            if member.isfile() and "_batch" in name and member.size <= _LARGEST_BATCH:
                content = archive.extractfile(member)
                yield name, content.read() if content else b""


def _binary(content: bytes) -> Arrays:
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + _VALUES)
    return rows[:, 1:].reshape(-1, 3, _SIDE, _SIDE), rows[:, 0].astype(np.int64)


def _pickled(content: bytes) -> Arrays:
    batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    values = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, _SIDE, _SIDE)
    return values, np.asarray(batch[b"labels"], np.int64)


class _ArraysOnly(pickle.Unpickler):
    """Knows numpy's arrays, and no other object that is not built into the format."""

    def find_class(self, module_name: str, global_name: str) -> Any:  # noqa: ANN401
        if (module_name, global_name) not in _ARRAY_PARTS:
            raise ValueError(
                f"the batch asks for {module_name}.{global_name}, which CIFAR-10 does not hold: "
                "it is not read"
            )
        return super().find_class(module_name, global_name)


def _from_npz(path: Path) -> tuple[LabelledImages, LabelledImages]:
    with np.load(path, allow_pickle=False) as arrays:
        wanted = ("x_train", "y_train", "x_test", "y_test")
        if any(name not in arrays for name in wanted):
            raise ValueError(f"{path} holds {', '.join(arrays)}; it needs {', '.join(wanted)}")
        images = [arrays[name].transpose(0, 3, 1, 2) for name in ("x_train", "x_test")]
        labels = [arrays[name].reshape(-1).astype(np.int64) for name in ("y_train", "y_test")]
    return _images(images[0], labels[0]), _images(images[1], labels[1])


def _from_folders(path: Path) -> LabelledImages:
    """Classes are the folders' names in alphabetical order, as CIFAR-10's are."""
    images, labels = [], []
    for label, folder in enumerate(sorted(child for child in path.iterdir() if child.is_dir())):
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in _IMAGE_SUFFIXES:
                with Image.open(file) as image:
                    images.append(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
                labels.append(label)
    if not images:
        raise ValueError(f"{path} holds no folder with images")
    return _images(np.stack(images), np.array(labels, np.int64))


def _images(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> LabelledImages:
    return LabelledImages(torch.tensor(images), torch.from_numpy(labels.copy()))
