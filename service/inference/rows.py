"""Tensors on their way through the web process: raw bytes with their shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.errors import InvalidRequestError
from service.inference.messages import Ranking

ITEM_BYTES = {"float32": 4, "uint8": 1}


@dataclass(frozen=True, eq=False)
class Rows:
    """Images of one model's size: ``count`` x ``(C, H, W)``, C-contiguous, little-endian.

    ``float32`` pixels lie in [0, 1], ``uint8`` ones in 0 … 255; the model normalises them itself.
    Raises InvalidRequestError when the bytes are not as many as the shape says.
    """

    data: memoryview
    dtype: Literal["float32", "uint8"]
    count: int
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        channels, height, width = self.shape
        expected = self.count * channels * height * width * ITEM_BYTES[self.dtype]
        if self.data.nbytes != expected:
            raise InvalidRequestError(
                f"{self.count} rows of {self.dtype} {self.shape} take {expected} bytes, these are"
                f" {self.data.nbytes}"
            )

    @property
    def parts(self) -> Sequence[memoryview]:
        return (self.data.cast("B"),)


@dataclass(frozen=True, eq=False)
class Images:
    """Encoded images: jpeg, png or webp."""

    parts: Sequence[bytes]

    @property
    def count(self) -> int:
        return len(self.parts)


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model says of rows, in their order.

    ``logits``: float32 ``(count, classes)``, little-endian, all finite. While the model's alarm is
    on, ``base_logits`` are those of the model as it came, and ``flagged`` says of each row whether
    the two disagree so confidently that a trigger is likely; else both are None.
    """

    count: int
    classes: int
    logits: bytes
    base_logits: bytes | None = None
    flagged: tuple[bool, ...] | None = None


@dataclass(frozen=True)
class Ranked:
    """What the model says of one image: its most probable classes; with the alarm on, those of the
    model as it came too, and whether the two disagree confidently."""

    ranking: Ranking
    base: Ranking | None = None
    flagged: bool | None = None
