"""A folder of the transformers library as one zip: configurations, and weights beside them.

Nothing is unpacked to a disk; names in the archive are looked up, never used as paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn
from zipfile import ZipFile, ZipInfo

from torch import Tensor

from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.safetensors_file import read_safetensors_stream
from polarizer.checkpoints.torch_archive import most_entries, read_torch_stream
from polarizer.description import ModelDescription
from polarizer.errors import ModelFormatError
from polarizer.listing import shown, some
from polarizer.pretrained import CONFIG, PREPROCESSOR, described, weight_files
from polarizer.zips import ZIP_ERRORS, open_zip

_MOST_UNPACKED = 4  # times the archive: weights hardly shrink
_SPARE_UNPACKED = 16 * 2**20
_DEEPEST = 3
_KERAS = "model.weights.h5"


@dataclass(frozen=True, eq=False)
class FolderArchive:
    """What such an archive holds. ``container`` is where in it the weights stood."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str] | None
    container: str
    config: Mapping[str, Any]
    preprocessor: Mapping[str, Any] | None

    @property
    def description(self) -> ModelDescription:
        """What the configurations say of the model. Raises :class:`ArchitectureError`."""
        return described(self.config, self.preprocessor)


def read_folder_archive(path: Path, limits: CheckpointLimits) -> FolderArchive | None:
    """The model in the zip at ``path``; None where it holds no ``config.json``.

    Raises :class:`ModelFormatError` for damage, limits, and a folder without weights.
    """
    with (
        path.open("rb") as file,
        open_zip(file, max_entries=most_entries(limits), error=ModelFormatError) as archive,
    ):
        root = _root([info.filename for info in archive.infolist()])
        if root is None:
            return None
        try:
            return _Folder(archive, root, path.stat().st_size, limits).read()
        except ZIP_ERRORS as error:
            raise ModelFormatError(
                f"the zip archive is damaged: {shown(str(error) or type(error).__name__)}"
            ) from error


def _root(names: list[str]) -> str | None:
    """The folder, with a slash behind it, that holds the configuration; Keras has such a file too,
    and is refused by its name elsewhere."""
    if any(name.rpartition("/")[2] == _KERAS for name in names):
        return None
    roots = {
        name.removesuffix(CONFIG)
        for name in names
        if name == CONFIG or (name.endswith(f"/{CONFIG}") and name.count("/") <= _DEEPEST)
    }
    if not roots:
        return None
    least = min(root.count("/") for root in roots)
    shallowest = sorted(root for root in roots if root.count("/") == least)
    if len(shallowest) > 1:
        _refuse(f"holds several models ({some(shallowest)}); pack the folder of one")
    if len(set(names)) != len(names):
        _refuse("has two entries of one name")
    return shallowest[0]


class _Folder:
    def __init__(self, archive: ZipFile, root: str, size: int, limits: CheckpointLimits) -> None:
        self._archive = archive
        self._limits = limits
        self._left = min(limits.max_bytes, _MOST_UNPACKED * size + _SPARE_UNPACKED)
        self._files = {
            info.filename.removeprefix(root): info
            for info in archive.infolist()
            if info.filename.startswith(root)
        }

    def read(self) -> FolderArchive:
        config = self._object(CONFIG)
        preprocessor = self._object(PREPROCESSOR) if PREPROCESSOR in self._files else None
        names = weight_files(self._files)
        if not names:
            _refuse(
                f"holds {CONFIG} but no weights; save them beside it: model.save_pretrained(folder)"
            )
        if names[0].endswith(".safetensors"):
            tensors, metadata = self._safetensors(names)
            return FolderArchive(tensors, metadata, "", config, preprocessor)
        packed = BytesIO(self._archive.read(self._taken(names[0])))
        tensors, where = read_torch_stream(packed, self._limits)
        return FolderArchive(tensors, None, where, config, preprocessor)

    def _safetensors(self, names: list[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Of one file, or of its parts together; metadata only of one."""
        tensors: dict[str, Tensor] = {}
        metadata: dict[str, str] = {}
        for name in names:
            info = self._taken(name)
            with self._archive.open(info) as stream:
                found, metadata = read_safetensors_stream(stream, info.file_size, self._limits)
            if twice := tensors.keys() & found.keys():
                _refuse(f"has tensors that stand in two files: {some(sorted(twice))}")
            tensors |= found
        if len(tensors) > self._limits.max_tensors:
            _refuse(
                f"holds {len(tensors):,} tensors, at most {self._limits.max_tensors:,} are read"
            )
        return tensors, metadata if len(names) == 1 else {}

    def _object(self, name: str) -> dict[str, Any]:
        info = self._taken(name, most=self._limits.max_header_bytes)
        try:
            found = json.loads(self._archive.read(info))
        except (ValueError, RecursionError) as error:
            raise ModelFormatError(f"{name} in the zip archive is not JSON") from error
        if not isinstance(found, dict):
            raise ModelFormatError(f"{name} in the zip archive is not a JSON object")
        return found

    def _taken(self, name: str, most: int | None = None) -> ZipInfo:
        """The entry, once there is room for it."""
        info = self._files[name]
        self._left -= info.file_size
        if self._left < 0 or (most is not None and info.file_size > most):
            _refuse(f"has more in {name} than is read; pack the folder without compression")
        return info


def _refuse(what: str) -> NoReturn:
    raise ModelFormatError(f"the zip archive {what}")
