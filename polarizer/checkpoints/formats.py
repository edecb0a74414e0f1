"""What a model file is, by its content: three formats are read, others are named and refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from polarizer.errors import ModelFormatError
from polarizer.zips import ZIP_MAGIC

EXPORT = (
    "Export the weights alone: "
    "safetensors.torch.save_file(model.state_dict(), 'model.safetensors'), "
    "or torch.save(model.state_dict(), 'model.pt')."
)

_HEAD_BYTES = 512


class SourceFormat(StrEnum):
    """The formats that are read."""

    SAFETENSORS = "safetensors"
    TORCH = "torch"  # the zip archive that torch.save writes, holding tensors only
    ONNX = "onnx"  # with its weights inside


def sniff(path: Path, max_bytes: int) -> SourceFormat:
    """The format of the file at ``path``; its name means nothing.

    Raises :class:`ModelFormatError` for every other kind of file, and says how to export instead.
    """
    size = path.stat().st_size
    if size == 0:
        raise ModelFormatError(f"the model file is empty. {EXPORT}")
    if size > max_bytes:
        raise ModelFormatError(f"the model file has {size:,} bytes; at most {max_bytes:,} are read")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(ZIP_MAGIC):
        return SourceFormat.TORCH
    if head[4:9] == b"\0\0\0\0{":  # a header length under 4 GB, then the header
        return SourceFormat.SAFETENSORS
    if _ONNX.match(head):
        return SourceFormat.ONNX
    for looks_like, what in _REFUSED:
        if looks_like(head):
            raise ModelFormatError(f"the model file is {what} {EXPORT}")
    raise ModelFormatError(f"the model file is in no format that is known here. {EXPORT}")


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _matches(pattern: bytes) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda head: compiled.match(head) is not None


_ONNX = re.compile(rb"\x08[\x03-\x14](\x12|\x1a|\x22|\x28|\x32|\x3a|B)", re.DOTALL)
"""The version of the format, then one of the fields that may follow it."""

_RUNS_CODE = "which runs code when it is loaded and is never opened here."

_REFUSED: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (
        _matches(rb"\x80[\x02-\x05]\x8a\x0al\xfc\x9cF"),
        "a checkpoint in torch's format from before version 1.6, a bare pickle, " + _RUNS_CODE,
    ),
    (_matches(rb"\x80[\x01-\x05]"), "a pickle, " + _RUNS_CODE),
    (_matches(rb"(\(|\]|\})?[(cild][\w.]*\n|\(dp\d|\(lp\d"), "a pickle, " + _RUNS_CODE),
    (_starts(b"\x89HDF\r\n\x1a\n"), "in Keras' HDF5 format; only PyTorch classifiers are read."),
    (_matches(rb".{4}TFL3"), "in TensorFlow Lite's format; only PyTorch classifiers are read."),
    (_starts(b"GGUF"), "in GGUF format; only image classifiers in PyTorch are read."),
    (_starts(b"\x93NUMPY"), "a NumPy array, not a model."),
    (
        _starts(b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"(\xb5/\xfd", b"7z\xbc\xaf"),
        "compressed. Unpack it.",
    ),
    (_matches(rb".{257}ustar"), "a tar archive, not a model. Unpack it."),
    (_starts(b"version https://git-lfs"), "a Git LFS pointer, not the model. Run git lfs pull."),
    (_starts(b"<", b"\xef\xbb\xbf<"), "a web page, perhaps the answer of a failed download."),
    (_matches(rb"[\[{][\s\"]"), "JSON text, not weights; a description belongs in the request."),
)
