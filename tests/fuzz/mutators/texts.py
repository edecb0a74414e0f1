"""JSON, and headers of JSON."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from random import Random
from typing import Any

from tests.fuzz.mutators.anywhere import NAMES, NUMBERS, anywhere

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 1e308, -0.0, 1e-320, [], {}, [[]], {"": None}, "F32", "F64", "I8", "BOOL"),
    *("x" * 5000, "\0", "\u202e", "\ud83d", "nan", "1", "__metadata__", "../..", "10" * 20),
    *NUMBERS,
    *NAMES,
)


def json_text(rng: Random, data: bytes) -> bytes:
    """One to three values, keys or levels of a JSON text become others."""
    try:
        tree = [json.loads(data)]
    except (ValueError, RecursionError):
        return anywhere(rng, data)
    for _ in range(rng.randint(1, 3)):
        _change(rng, tree)
    text = json.dumps(tree[0], ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.1:
        text = _with_double_key(rng, text)
    if rng.random() < 0.05:
        text = text.replace("{", rng.choice(('{"a":' * 3000, "[" * 3000)), 1)
    return text.encode("utf-8", "surrogatepass")


def _change(rng: Random, tree: list[Any]) -> None:
    """Walks down to a container, and changes one of its items."""
    here: Any = tree
    while True:
        keys: list[Any] = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = rng.choice(keys)
        below = here[key]
        if not (isinstance(below, dict | list) and below and rng.random() < 0.8):
            break
        here = below
    way = rng.randrange(6)
    if way == 0 and here is not tree:
        del here[key]
    elif way == 1:
        here[key] = [below] if rng.random() < 0.5 else {"a": below}
    elif way == 2 and isinstance(here, dict):
        here[rng.choice(NAMES)] = deepcopy(below)
    elif way == 3 and isinstance(below, int) and not isinstance(below, bool):
        here[key] = below + rng.choice((-1, 1, 8, -8)) * rng.choice((1, 4, 2**32))
    else:
        here[key] = deepcopy(rng.choice(_VALUES))


def _with_double_key(rng: Random, text: str) -> str:
    keys = [match[0] for match in re.finditer(r'"[^"]*": ', text)]
    return text.replace("{", "{" + rng.choice(keys) + "0, ", 1) if keys else text


def safetensors(rng: Random, data: bytes) -> bytes:
    """The header's JSON, with a length that fits (or nearly)."""
    size = int.from_bytes(data[:8], "little")
    header = json_text(rng, data[8 : 8 + size].rstrip())
    said = len(header) + (rng.choice((0, 0, 0, 1, -1, 2**62)))
    return max(said, 0).to_bytes(8, "little") + header + data[8 + size :]
