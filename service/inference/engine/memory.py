"""The memory that the web process shares with us: inputs are read there, answers written."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence

import torch
from torch import Tensor


class Memory:
    """A mapping of the inherited descriptor."""

    def __init__(self, descriptor: int, nbytes: int) -> None:
        self._map = mmap.mmap(descriptor, nbytes)
        self._bytes = memoryview(self._map)

    def copy(self, begin: int, nbytes: int) -> bytes:
        """Bytes of our own, which nobody changes while they are decoded."""
        return self._map[begin : begin + nbytes]

    def write(self, begin: int, data: memoryview) -> None:
        """Raises ValueError beyond the end of the memory."""
        self._bytes[begin : begin + len(data)] = data

    def tensor(self, begin: int, dtype: torch.dtype, shape: Sequence[int]) -> Tensor:
        """The memory itself, of this type and shape. Raises ValueError beyond its end."""
        count = math.prod(shape)
        if not count:
            return torch.empty(tuple(shape), dtype=dtype)
        flat = torch.frombuffer(self._map, dtype=dtype, count=count, offset=begin)
        return flat.reshape(tuple(shape))
