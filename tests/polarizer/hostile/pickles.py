"""Pickles put together by hand, and torch archives around them."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Payload:
    """Runs ``touch marker`` in a shell when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


class Call:
    """A call of the function ``module.name`` with ``arguments``, put into a pickle as it is."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        self.code = f"c{module}\n{name}\n".encode()
        self.arguments = arguments


class _Pickler(pickle._Pickler):  # the one in Python, which can be taught names that do not exist
    dispatch = dict(pickle._Pickler.dispatch)

    def _save_call(self, call: Call) -> None:
        self.write(call.code)
        self.save(call.arguments)
        self.write(pickle.REDUCE)

    dispatch[Call] = _save_call

    def persistent_id(self, value: object) -> object:
        return value.pid if isinstance(value, Storage) else None


class Storage:
    """A storage of an archive, as torch refers to it."""

    def __init__(self, key: object, elements: object, kind: str = "FloatStorage") -> None:
        self.pid = ("storage", _Global("torch", kind), key, "cpu", elements)


class _Global:
    """The object ``module.name`` itself."""

    def __init__(self, module: str, name: str) -> None:
        self.code = f"c{module}\n{name}\n".encode()


_Pickler.dispatch[_Global] = lambda self, value: self.write(value.code)


def tensor(
    storage: Storage, shape: object = (4,), stride: object = (1,), offset: object = 0
) -> Call:
    """A tensor as torch writes it."""
    arguments = (storage, offset, shape, stride, False, {})
    return Call("torch._utils", "_rebuild_tensor_v2", *arguments)


def dumped(value: object) -> bytes:
    """The pickle of ``value``, in which :class:`Call` and :class:`Storage` may stand."""
    file = io.BytesIO()
    _Pickler(file, 2).dump(value)
    return file.getvalue()


def archive(
    structure: bytes,
    records: Mapping[str, bytes] | None = None,
    *,
    deflated: bool = False,
) -> bytes:
    """A torch archive with this ``data.pkl``, and 16 bytes under ``data/0``."""
    members = {"m/data.pkl": structure, "m/version": b"3\n"}
    members |= {f"m/{name}": data for name, data in (records or {"data/0": bytes(16)}).items()}
    compression = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    return zipped(members, compression)


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of ``members``."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as built:
        for name, data in members.items():
            built.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()
