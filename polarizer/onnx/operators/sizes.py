"""Shapes, axes and the like, which a graph may compute: as Python's numbers."""

from __future__ import annotations

from torch import Tensor

from polarizer.errors import ModelFormatError

MOST = 4096
"""No shape, list of axes or list of parts needs more; a hostile one may be as long as an image."""


def whole_numbers(tensor: Tensor) -> list[int]:
    """Raises :class:`ModelFormatError` for more than there is any use for."""
    if tensor.numel() > MOST:
        raise ModelFormatError(
            f"the ONNX graph takes {tensor.numel():,} numbers for sizes or axes; "
            f"at most {MOST:,} are read"
        )
    return [int(number) for number in tensor.reshape(-1).tolist()]
