"""Finding the weights in what a checkpoint holds: training state often stands around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from polarizer.checkpoints.formats import EXPORT
from polarizer.checkpoints.safetensors_header import METADATA_KEY
from polarizer.checkpoints.weights_pickle import TensorRef
from polarizer.errors import ModelFormatError
from polarizer.listing import some

_CONTAINERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net_state_dict", "net"),
    *("network", "module", "weights", "params"),
)
_DEEPEST = 3

_WRAPPERS = ("module.", "_orig_mod.", "model.", "net.", "network.")


def find_weights(loaded: object, path: tuple[str, ...] = ()) -> tuple[dict[str, TensorRef], str]:
    """``(weights, where)``: the state dict in ``loaded``, and the names that lead to it.

    ``where`` is ``""`` when ``loaded`` is one itself, ``"model"`` in BackdoorBench's
    ``attack_result.pt``. Raises :class:`ModelFormatError` when there is none.
    """
    if isinstance(loaded, Mapping):
        if loaded and all(isinstance(value, TensorRef) for value in loaded.values()):
            return _named(loaded), ".".join(path)
        for name in _CONTAINERS:
            if isinstance(loaded.get(name), Mapping) and len(path) < _DEEPEST:
                return find_weights(loaded[name], (*path, name))
    raise ModelFormatError(f"the checkpoint {_what_it_is(loaded, path)}. {EXPORT}")


def wrapper_prefix(names: Iterable[str], expected: Iterable[str]) -> str:
    """What training wrappers (DataParallel, compile, Lightning) put before every name.

    ``expected`` are the names of the architecture: a prefix that these have is no wrapper's.
    """
    names, expected, prefix = list(names), list(expected), ""
    while names and (wrapper := _wrapper_of(names, expected)):
        prefix += wrapper
        names = [name.removeprefix(wrapper) for name in names]
    return prefix


def _wrapper_of(names: list[str], expected: list[str]) -> str:
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in names) and not any(
            name.startswith(wrapper) for name in expected
        ):
            return wrapper
    return ""


def _named(weights: Mapping[Any, TensorRef]) -> dict[str, TensorRef]:
    for name in weights:
        if type(name) is not str or not name.isprintable() or name == METADATA_KEY:
            raise ModelFormatError(f"the checkpoint has a tensor named {name!r:.80}. {EXPORT}")
    return dict(weights)


def _what_it_is(loaded: object, path: tuple[str, ...]) -> str:
    if not isinstance(loaded, Mapping):
        return f"holds no tensors by name but a {type(loaded).__name__}"
    inside = f" under {'.'.join(path)}" if path else ""
    tensors = sum(isinstance(value, TensorRef) for value in loaded.values())
    others = [str(name) for name, value in loaded.items() if not isinstance(value, TensorRef)]
    if not tensors:
        return f"holds no weights{inside}, only {some(others)}"
    return f"holds other things among its tensors{inside}: {some(others)}"
