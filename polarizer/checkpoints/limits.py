"""How much an uploaded model file may ask for."""

from __future__ import annotations

from dataclasses import dataclass

_MEGABYTE = 2**20


@dataclass(frozen=True)
class CheckpointLimits:
    """Bounds that are checked before memory is taken. Sizes in bytes."""

    max_bytes: int = 8 * 1024 * _MEGABYTE
    """of the whole file"""
    max_tensors: int = 20_000
    max_header_bytes: int = 8 * _MEGABYTE
    """of a safetensors header, metadata included, or of the pickled structure of a ``.pt`` file"""
