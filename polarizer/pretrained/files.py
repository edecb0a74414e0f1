"""The files of a folder of the transformers library that make a model, by their names."""

from __future__ import annotations

import re
from collections.abc import Collection

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
_WHOLE = "model.safetensors"
_PART = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_PICKLED = "pytorch_model.bin"


def weight_files(names: Collection[str]) -> list[str]:
    """One kind of weights, though there may be several: one safetensors file, or else its parts in
    their order, or else the checkpoint of ``torch.save``; empty where there is none."""
    if _WHOLE in names:
        return [_WHOLE]
    parts = sorted(name for name in names if _PART.fullmatch(name))
    return parts or [name for name in names if name == _PICKLED]


def needed_files(names: Collection[str]) -> list[str]:
    """Configurations and weights; the rest (tokenizers, other frameworks' weights) is not read."""
    return [name for name in (CONFIG, PREPROCESSOR) if name in names] + weight_files(names)
