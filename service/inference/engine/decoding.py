"""From the bytes of one image to a row, by the reader that the clean data went through too."""

from __future__ import annotations

import torch
from torch import Tensor

from polarizer.datasets.decoding import decode_image
from polarizer.description import InputSpec
from polarizer.errors import DatasetImagesError
from service.inference.messages import Predict


def read_row(encoded: bytes, question: Predict) -> Tensor:
    """A row of the model's size, 0 … 255: from an image, or from raw numbers."""
    spec = question.input
    if not question.tensor:
        return decode(encoded, spec)
    dtype: torch.dtype = getattr(torch, question.tensor)
    pixels = torch.frombuffer(bytearray(encoded), dtype=dtype)
    pixels = pixels.reshape(spec.channels, spec.height, spec.width)
    return pixels if dtype == torch.uint8 else pixels * 255


def decode(encoded: bytes, spec: InputSpec) -> Tensor:
    """uint8 ``(C, H, W)`` of the model's size and channels.

    Raises DatasetImagesError for what is damaged or no JPEG, PNG or WebP file, DatasetFormatError
    for one of too many pixels.
    """
    if not _is_taken(encoded):
        raise DatasetImagesError("this is no JPEG, PNG or WebP file, by its first bytes")
    pixels, _ = decode_image(encoded, spec)
    return torch.tensor(pixels)


def _is_taken(encoded: bytes) -> bool:
    is_webp = encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP"
    return is_webp or encoded.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
