"""From the pieces of a batch to one tensor, and back to the pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from service.inference.engine.requests import Piece


def assemble(pieces: Sequence[Piece]) -> Tensor:
    """float32 ``(N, C, H, W)`` in [0, 1]; the shared memory itself where one piece is all."""
    parts = [piece.pixels for piece in pieces]
    if len({part.dtype for part in parts}) > 1:
        return torch.cat([_unit(part) for part in parts])
    return _unit(parts[0] if len(parts) == 1 else torch.cat(parts))


def placed(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, int, int]]:
    """Each piece, and which rows of the batch are its own."""
    begin = 0
    for piece in pieces:
        yield piece, begin, begin + piece.rows
        begin += piece.rows


def _unit(pixels: Tensor) -> Tensor:
    return pixels.to(torch.float32).div_(255) if pixels.dtype == torch.uint8 else pixels
