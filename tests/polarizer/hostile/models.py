"""Model files that attack whoever opens them, or are simply not what was asked for."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from tests.polarizer.hostile.onnx_files import ONNX
from tests.polarizer.hostile.pickles import (
    Call,
    Payload,
    Storage,
    archive,
    dumped,
    tensor,
    zipped,
)
from tests.polarizer.models import description, network, state

Make = Callable[[Path], bytes]

_HUGE = 2**38  # bytes or numbers


def _torch_saved(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def _calls(module: str, name: str, *arguments: object) -> Make:
    """A checkpoint whose state dict is good, with a call beside it."""
    beside = Call(module, name, *arguments)
    return lambda _: archive(dumped({"state_dict": {"a": tensor(Storage("0", 4))}, "x": beside}))


def _weights(**tensors: object) -> Make:
    return lambda _: archive(dumped(dict(tensors)))


def _operations(code: bytes) -> Make:
    return lambda _: archive(b"\x80\x02" + code + b".")


def _safetensors(header: object, data: bytes = b"", length: int | None = None) -> Make:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return lambda _: struct.pack("<Q", len(text) if length is None else length) + text + data


def _tensor_entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def _changed_weights(value: float) -> bytes:
    broken = state()["conv1.weight"].clone()
    broken[0, 0, 0, 0] = value
    return save(state(conv1__weight=broken))


def _cycle(_: Path) -> bytes:
    loop: dict[str, Any] = {}
    loop["model"] = loop
    return archive(pickle.dumps(loop, 2))


def _huge_artefact(_: Path) -> bytes:
    """An artefact whose metadata asks for a network of three billion numbers."""
    fields = description({"name": "preact_resnet18", "width": 1024, "num_classes": 3}).model_dump()
    fields |= {"method": "stage", "polarized_layers": [], "attached_layers": [], "provenance": {}}
    metadata = {f"polarizer.{name}": json.dumps(value) for name, value in fields.items()}
    return save(state(), metadata | {"polarizer.format": "1"})


def _overlapping(_: Path) -> bytes:
    """Two directory entries for one stored record."""
    content = archive(dumped({"a": tensor(Storage("0", 4))}), {"data/0": bytes(16)})
    directory = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entries = content[directory:end]
    fields = list(struct.unpack("<4s4H2LH", content[end : end + 22]))
    fields[3] = fields[4] = 2 * fields[4]
    fields[5] = 2 * len(entries)
    return content[:directory] + 2 * entries + struct.pack("<4s4H2LH", *fields)


def _encrypted(_: Path) -> bytes:
    content = bytearray(archive(dumped({"a": tensor(Storage("0", 4))})))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def _many_entries(_: Path) -> bytes:
    """A directory that promises four billion entries."""
    content = archive(dumped({"a": tensor(Storage("0", 4))}))
    end = content.index(b"PK\x05\x06")
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**32, 2**32, 2**38, 0)
    return content[:end] + record + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1) + content[end:]


def _pickled_in_pickle(marker: Path) -> bytes:
    inner = pickle.dumps(Payload(marker))
    return archive(dumped({"a": Call("torch.storage", "_load_from_bytes", inner)}))


PICKLES: dict[str, Make] = {
    "a pickle that runs a command": lambda marker: pickle.dumps(Payload(marker)),
    "the same in protocol 0": lambda marker: pickle.dumps(Payload(marker), 0),
    "the same in protocol 2": lambda marker: pickle.dumps(Payload(marker), 2),
    "torch's format before 1.6": lambda _: _torch_saved(
        state(), _use_new_zipfile_serialization=False
    ),
    "the same with a payload": lambda marker: _torch_saved(
        {"model": state(), "args": Payload(marker)}, _use_new_zipfile_serialization=False
    ),
    "a pickled module": lambda _: _torch_saved(network()),
    "a checkpoint that runs a command": lambda marker: _torch_saved(Payload(marker)),
    "a command beside good weights": lambda marker: _torch_saved(
        {"state_dict": state(), "args": Payload(marker)}
    ),
    "a command by a name on the stack": lambda marker: _torch_saved(
        {"state_dict": state(), "args": Payload(marker)}, pickle_protocol=4
    ),
    "a command as a tensor": lambda marker: _torch_saved(state() | {"x": Payload(marker)}),
    "a pickle in a pickle": _pickled_in_pickle,
    "eval": _calls("builtins", "eval", "1"),
    "getattr": _calls("builtins", "getattr", "x", "__class__"),
    "an import by a dotted name": _calls("torch", "serialization.os.system", "true"),
    "torch.load in torch.load": _calls("torch", "load", "/etc/passwd"),
    "a torch function": _calls("torch", "zeros", _HUGE),
    "an old opcode that calls": _operations(b"(S'true'\nios\nsystem\n"),
    "another old opcode that calls": _operations(b"(cos\nsystem\nS'true'\no"),
    "an extension code": _operations(b"\x82\x01"),
}

MEMORY: dict[str, Make] = {
    "226 GB by a call": _calls("builtins", "bytearray", _HUGE),
    "256 GB by an opcode": _operations(b"\x96" + struct.pack("<Q", _HUGE)),
    "text of 256 GB": _operations(b"\x8d" + struct.pack("<Q", _HUGE)),
    "bytes of 4 GB": _operations(b"B" + struct.pack("<I", 2**32 - 1)),
    "a memo of 4 billion places": _operations(b"Nr" + struct.pack("<I", 2**32 - 1)),
    "a view of one number as billions": _weights(a=tensor(Storage("0", 4), (_HUGE,), (0,))),
    "a view beyond its storage": _weights(a=tensor(Storage("0", 4), (_HUGE,), (1,))),
    "a view that begins beyond": _weights(a=tensor(Storage("0", 4), (1,), (1,), _HUGE)),
    "a view of huge strides": _weights(a=tensor(Storage("0", 4), (2,), (_HUGE,))),
    "a view of negative size": _weights(a=tensor(Storage("0", 4), (-1,), (1,))),
    "a view without strides": _weights(a=tensor(Storage("0", 4), (2, 2), (1,))),
    "a view of sizes that are no numbers": _weights(a=tensor(Storage("0", 4), ("a",), (1,))),
    "a storage larger than its record": _weights(a=tensor(Storage("0", _HUGE))),
    "a storage of two and a half numbers": lambda _: archive(
        dumped({"a": tensor(Storage("0", 2))}), {"data/0": bytes(10)}
    ),
    "a storage of another type": _weights(a=tensor(Storage("0", 4, "DoubleStorage"))),
    "a storage that is not there": _weights(a=tensor(Storage("1", 4))),
    "a storage outside of the archive": _weights(a=tensor(Storage("../../etc/passwd", 4))),
    "a storage without a name": _weights(a=tensor(Storage(0, 4))),
    "a compressed record": lambda _: archive(
        dumped({"a": tensor(Storage("0", 2**22))}), {"data/0": bytes(2**24)}, deflated=True
    ),
    "a container that holds itself": _cycle,
    "an artefact of a huge network": _huge_artefact,
    "a header of 9 exabytes": _safetensors({}, length=2**63),
    "a tensor of 256 GB": _safetensors({"a": _tensor_entry([_HUGE], 0, 4 * _HUGE)}),
    "a size that overflows": _safetensors({"a": _tensor_entry([2**32, 2**32], 0, 0)}),
    "brackets without end": _safetensors(b'{"a":' * 50_000),
}

DAMAGED: dict[str, Make] = {
    "an empty file": lambda _: b"",
    "random bytes": lambda _: bytes(torch.arange(4096).mul(167).remainder(251).tolist()),
    "an archive cut short": lambda _: archive(dumped({"a": tensor(Storage("0", 4))}))[:-30],
    "an archive cut shorter": lambda _: _torch_saved(state())[:2000],
    "a record that fails its checksum": lambda _: archive(
        dumped({"a": tensor(Storage("0", 4))}), {"data/0": b"0123456789abcdef"}
    ).replace(b"0123456789", b"9876543210", 1),
    "entries that overlap": _overlapping,
    "encrypted entries": _encrypted,
    "four billion entries": _many_entries,
    "structure that ends early": _operations(b"}(X\x01\x00\x00\x00a"),
    "structure of nothing": lambda _: archive(b""),
    "safetensors cut short": lambda _: save(state())[:-100],
    "safetensors cut in the header": lambda _: save(state())[:50],
    "a tensor twice": _safetensors(
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        b'"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        bytes(8),
    ),
    "tensors that overlap": _safetensors(
        {"a": _tensor_entry([2], 0, 8), "b": _tensor_entry([2], 4, 12)}, bytes(12)
    ),
    "bytes that belong to no tensor": _safetensors({"a": _tensor_entry([1], 0, 4)}, bytes(99)),
    "a type that is unknown": _safetensors({"a": _tensor_entry([1], 0, 4, "F3")}, bytes(4)),
    "a NaN weight": lambda _: _changed_weights(float("nan")),
    "an infinite weight": lambda _: _changed_weights(float("inf")),
    "other keys": lambda _: save({"weight": torch.zeros(3)}),
    "no keys": lambda _: save({}),
}

OTHER_FORMATS: dict[str, Make] = {
    "TorchScript": lambda _: zipped({"m/data.pkl": b"", "m/constants.pkl": b"", "m/code/a": b""}),
    "torch.export": lambda _: zipped({"m/archive_format": b"pt2", "m/models/model.json": b"{}"}),
    "torch.export of 2.1": lambda _: zipped({"serialized_exported_program.json": b"{}"}),
    "Keras": lambda _: zipped({"config.json": b"{}", "model.weights.h5": b""}),
    "Keras of old": lambda _: b"\x89HDF\r\n\x1a\n" + bytes(100),
    "TensorFlow Lite": lambda _: b"\x1c\0\0\0TFL3" + bytes(100),
    "GGUF": lambda _: b"GGUF\x03\0\0\0" + bytes(100),
    "a NumPy array": lambda _: b"\x93NUMPY\x01\0v\0" + bytes(100),
    "gzip": lambda _: b"\x1f\x8b\x08\0" + bytes(100),
    "tar": lambda _: bytes(257) + b"ustar\x0000" + bytes(248),
    "a web page": lambda _: b"<!DOCTYPE html><html>404</html>",
    "a Git LFS pointer": lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "JSON": lambda _: b'{"architecture": {"name": "small_cnn"}}',
    "a zip of pictures": lambda _: zipped({"cat/0.png": b"x"}),
    "an empty zip": lambda _: zipped({}),
    "a zip compressed by LZMA": lambda _: zipped({"m/data.pkl": b"x"}, zipfile.ZIP_LZMA),
}

MODELS: dict[str, Make] = PICKLES | MEMORY | DAMAGED | OTHER_FORMATS | ONNX
