"""What a report holds to look at: class by class, layer by layer, step by step. Imports no torch.

The child measures it beside the numbers that decisions rest on; its word is bounded here.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_CLASSES = 1000
MAX_CONFUSED = 20
"""Classes of the largest confusion matrix; a larger one is nothing to look at."""
MAX_POINTS = 200
MAX_LAYERS = 2000
MAX_PICTURES = 12
MAX_SIDE = 64
"""Pixels of a picture's longer side."""

Count = Annotated[int, Field(ge=0)]
Label = Annotated[int, Field(ge=0, description="index of the class")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE, description="pixels")]
Matrix = Annotated[tuple[tuple[Count, ...], ...], Field(max_length=MAX_CONFUSED)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassAccuracy(_Part):
    """How many images of one class were given their class."""

    label: Label
    images: Annotated[int, Field(ge=1)]
    right_before: Count
    right_after: Count

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> Self:
        if max(self.right_before, self.right_after) > self.images:
            raise ValueError("more images are right than there are")
        return self


class Confusion(_Part):
    """Counts of images: a row for each true class, a column for each answer, in logit order."""

    before: Matrix
    after: Matrix

    @model_validator(mode="after")
    def _square(self) -> Self:
        sizes = {len(self.before), len(self.after)}
        sizes.update(len(row) for matrix in (self.before, self.after) for row in matrix)
        if len(sizes) > 1:
            raise ValueError("both matrices must be square and of one size")
        return self


class LossPoint(_Part):
    """The losses before one step of the optimisation, as in its progress events."""

    step: Count
    losses: Annotated[dict[Annotated[str, Field(max_length=64)], Finite], Field(max_length=16)]


class LayerMovement(_Part):
    """``moved``: L2 norm of a tensor's change, divided by that of the tensor as it came."""

    name: Annotated[str, Field(max_length=1000)]
    moved: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Surrogate(_Part):
    """The perturbation that was found to send the model as it came to one class, to look at.

    ``pixels``: base64 of height × width × 3 bytes, RGB, row by row. Grey (128) changes nothing; the
    largest change is stretched to black or white. Large ones are made smaller.
    """

    label: Label
    height: Side
    width: Side
    pixels: Annotated[str, Field(max_length=4 * MAX_SIDE * MAX_SIDE)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(self.raw) != self.height * self.width * 3:
            raise ValueError("pixels must be height × width × 3 bytes")
        return self

    @property
    def raw(self) -> bytes:
        """The bytes of ``pixels``. Raises ValueError when it is not base64."""
        try:
            return base64.b64decode(self.pixels, validate=True)
        except binascii.Error as error:
            raise ValueError("pixels is not base64") from error
