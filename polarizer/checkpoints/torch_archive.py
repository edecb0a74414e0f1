"""The zip archive that ``torch.save`` writes: ``<root>/data.pkl`` and one record per storage."""

from __future__ import annotations

from io import BufferedIOBase
from math import prod
from pathlib import Path
from typing import BinaryIO, NoReturn, cast
from zipfile import ZIP_STORED, ZipFile

from torch import Tensor

from polarizer.checkpoints.containers import find_weights
from polarizer.checkpoints.formats import EXPORT
from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.safetensors_file import tensor_from
from polarizer.checkpoints.weights_pickle import StorageRef, TensorRef, read_structure
from polarizer.errors import ModelFormatError
from polarizer.listing import shown
from polarizer.zips import ZIP_ERRORS, open_zip

_STRUCTURE = "data.pkl"
_ENTRIES_BESIDE_TENSORS = 1000
_STORAGES_PER_TENSOR = 4  # an optimiser keeps two more for each weight

_REFUSED = {
    "constants.pkl": "TorchScript, a program, which is never run here",
    "serialized_exported_program.json": "a torch.export archive, which runs code when it is loaded",
    "archive_format": "a torch.export archive, which runs code when it is loaded",
    "archive_version": "a torch.export archive, which runs code when it is loaded",
    "model.weights.h5": "in Keras' format; only PyTorch classifiers are read",
    "AndroidManifest.xml": "an Android package, not a model",
    "[Content_Types].xml": "an office document, not a model",
}


def read_torch_archive(path: Path, limits: CheckpointLimits) -> tuple[dict[str, Tensor], str]:
    """``(tensors, where)``: the weights, and the names that lead to them in the checkpoint.

    Storages that the weights do not use (an optimiser's, images) are not read. Raises
    :class:`ModelFormatError` when the file is no such archive, is damaged, or runs code.
    """
    with path.open("rb") as file:
        return read_torch_stream(file, limits)


def read_torch_stream(file: BinaryIO, limits: CheckpointLimits) -> tuple[dict[str, Tensor], str]:
    """The same of an open file."""
    with open_zip(file, max_entries=most_entries(limits), error=ModelFormatError) as archive:
        root = _root(archive)
        structure = _record(archive, root + _STRUCTURE, limits.max_header_bytes)
        weights, where = find_weights(read_structure(bytes(structure)))
        if len(weights) > limits.max_tensors:
            _refuse(f"it holds {len(weights):,} tensors, at most {limits.max_tensors:,} are read")
        return _Records(archive, root, limits.max_bytes).tensors(weights), where


def most_entries(limits: CheckpointLimits) -> int:
    """How many files an archive may hold that has a model in it."""
    return limits.max_tensors * _STORAGES_PER_TENSOR + _ENTRIES_BESIDE_TENSORS


def _root(archive: ZipFile) -> str:
    names = [info.filename for info in archive.infolist()]
    for name in names:
        if what := _REFUSED.get(name.rpartition("/")[2]):
            raise ModelFormatError(f"the model file is {what}. {EXPORT}")
    roots = [name.removesuffix(_STRUCTURE) for name in names if name.endswith("/" + _STRUCTURE)]
    if len(roots) != 1 or len(set(names)) != len(names):
        raise ModelFormatError(
            f"the model file is a zip archive, but not one of torch, and no Hugging "
            f"Face folder, since it holds no config.json. {EXPORT}"
        )
    if (
        f"{roots[0]}byteorder" in names
        and _record(archive, f"{roots[0]}byteorder", 16) != b"little"
    ):
        raise ModelFormatError(f"the checkpoint was written on a big-endian machine. {EXPORT}")
    return roots[0]


def _record(archive: ZipFile, name: str, max_bytes: int) -> bytearray:
    try:
        info = archive.getinfo(name)
        if info.compress_type != ZIP_STORED or info.file_size > max_bytes:
            _refuse(f"{shown(name)} is compressed, or larger than {max_bytes:,} bytes")
        with archive.open(info) as record:
            data = bytearray(info.file_size)
            if cast(BufferedIOBase, record).readinto(data) != len(data) or record.read(1):
                _refuse(f"{shown(name)} is truncated")
    except ZIP_ERRORS as error:
        raise ModelFormatError(
            f"the checkpoint is damaged: {shown(name)}: {shown(str(error))}"
        ) from error
    return data


class _Records:
    """Storages of one archive, each read once however many tensors lie in it."""

    def __init__(self, archive: ZipFile, root: str, max_bytes: int) -> None:
        self._archive = archive
        self._root = root
        self._max_bytes = max_bytes
        self._read: dict[str, Tensor] = {}

    def tensors(self, weights: dict[str, TensorRef]) -> dict[str, Tensor]:
        return {name: self._tensor(name, ref) for name, ref in weights.items()}

    def _tensor(self, name: str, ref: TensorRef) -> Tensor:
        _check_view(name, ref)
        flat = self._storage(name, ref.storage)
        return flat.as_strided(ref.shape, ref.stride, ref.offset)

    def _storage(self, name: str, ref: StorageRef) -> Tensor:
        if ref.key not in self._read:
            data = _record(self._archive, f"{self._root}data/{ref.key}", self._max_bytes)
            self._read[ref.key] = tensor_from(data, ref.dtype, name)
        flat = self._read[ref.key]
        if flat.dtype != ref.dtype or flat.numel() != ref.elements:
            _refuse(f"{shown(name)} does not have the number of bytes that its type needs")
        return flat


def _check_view(name: str, ref: TensorRef) -> None:
    if not isinstance(ref.storage, StorageRef):
        _refuse(f"{shown(name)} has no storage")
    for sizes in (ref.shape, ref.stride, (ref.offset,)):
        if type(sizes) is not tuple or not all(type(v) is int and 0 <= v < 2**48 for v in sizes):
            _refuse(f"{shown(name)} has a malformed shape, stride or offset")
    last = ref.offset + sum((d - 1) * s for d, s in zip(ref.shape, ref.stride, strict=False))
    elements = prod(ref.shape)
    fits = last < ref.storage.elements if elements else max(ref.shape) < 2**16
    if len(ref.shape) != len(ref.stride) or elements > ref.storage.elements or not fits:
        _refuse(f"{shown(name)} reaches beyond its storage")


def _refuse(what: str) -> NoReturn:
    raise ModelFormatError(f"the checkpoint is damaged: {what}. {EXPORT}")
