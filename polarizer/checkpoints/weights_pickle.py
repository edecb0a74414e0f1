"""The pickled structure of a ``.pt`` file, followed without running anything that it names.

A checkpoint of tensors needs very few names: containers, number types, and the functions that put
a tensor together. Those become inert descriptions here; a few more that often stand beside weights
(NumPy arrays, options) become placeholders; any other name refuses the file. Nothing is imported or
allocated on behalf of the file, which torch's own reader does: a small file can make it ask for
hundreds of gigabytes.
"""

from __future__ import annotations

import pickle
import pickletools
import warnings
from io import BytesIO
from typing import Any, NamedTuple

import torch

from polarizer.checkpoints.dtypes import TORCH_STORAGES
from polarizer.checkpoints.formats import EXPORT
from polarizer.errors import ModelFormatError
from polarizer.listing import shown

_MOST_OPERATIONS = 2_000_000

_OPERATIONS = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET"),
        *("LONG_BINGET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "NEWOBJ", "BINPERSID"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        *("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "BINSTRING"),
        *("SHORT_BINSTRING", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST"),
        *("APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS"),
    )
)


class StorageRef(NamedTuple):
    """A record of the archive: ``elements`` numbers of one type."""

    dtype: torch.dtype
    key: str
    elements: int


class TensorRef(NamedTuple):
    """A tensor as the file describes it; nothing about it has been checked."""

    storage: Any
    offset: Any
    shape: Any
    stride: Any


class Entries(dict[Any, Any]):
    """An ``OrderedDict`` of the file; attributes that the file sets on it are dropped."""

    def __setstate__(self, state: object) -> None:
        """Ignore the module versions that state dicts carry."""


class Inert:
    """Stands for an object beside the weights; takes whatever is done to it and keeps nothing."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, item: object) -> None:
        """Drop it."""

    def extend(self, items: object) -> None:
        """Drop them."""

    def add(self, item: object) -> None:
        """Drop it."""


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: object) -> TensorRef:  # noqa: ANN401
    return TensorRef(storage, offset, shape, stride)


def _parameter(data: Any, *_: object) -> Any:  # noqa: ANN401
    return data


_NAMES: dict[str, Any] = {
    "collections.OrderedDict": Entries,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    **TORCH_STORAGES,
    **dict.fromkeys(
        (
            *("numpy.ndarray", "numpy.dtype", "_codecs.encode", "argparse.Namespace"),
            *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
            *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),
            *("collections.defaultdict", "collections.Counter", "torch.Size", "torch.device"),
            *("pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath"),
            *(f"{module}.set" for module in ("builtins", "__builtin__")),
            *(f"torch.{str(dtype).removeprefix('torch.')}" for dtype in TORCH_STORAGES.values()),
        ),
        Inert,
    ),
}

# What following a damaged or hostile structure can raise; none of these has run any of its code.
_ERRORS = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, LookupError),
    *(ArithmeticError, RecursionError, AssertionError, ImportError),
)


def read_structure(data: bytes) -> Any:  # noqa: ANN401
    """The object that ``data`` describes, with :class:`TensorRef` where tensors stand.

    Raises :class:`ModelFormatError` when it is damaged or names anything that weights do not need.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd names
            _check_operations(data)
        return _Reader(BytesIO(data), encoding="utf-8").load()
    except _ERRORS as error:
        raise ModelFormatError(
            f"the checkpoint is damaged: its structure cannot be followed "
            f"({type(error).__name__}: {shown(str(error))}). {EXPORT}"
        ) from error


def _check_operations(data: bytes) -> None:
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        if operation.name not in _OPERATIONS or count > _MOST_OPERATIONS:
            raise ModelFormatError(
                f"the checkpoint does more than hold weights ({operation.name}). {EXPORT}"
            )
        if operation.name == "LONG_BINPUT" and not (argument or 0) <= count:
            # The reader would reserve memory for that many objects.
            raise ModelFormatError(f"the checkpoint is damaged: memo {argument:,}. {EXPORT}")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        try:
            return _NAMES[f"{module}.{name}"]
        except KeyError:
            raise ModelFormatError(
                f"the file is a pickled Python object: it names {shown(f'{module}.{name}')}, and "
                f"loading it would run code. {EXPORT}"
            ) from None

    def persistent_load(self, pid: Any) -> StorageRef:  # noqa: ANN401
        kind, dtype, key, _, elements = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError("not a storage of numbers")
        if type(key) is not str or type(elements) is not int:
            raise pickle.UnpicklingError("a storage without name or size")
        return StorageRef(dtype, key, elements)
