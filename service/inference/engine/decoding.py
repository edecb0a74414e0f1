"""From the bytes of one image to a row, by the reader that the clean data went through too."""

from __future__ import annotations

import torch
from torch import Tensor

from polarizer.datasets.decoding import decode_image
from polarizer.description import InputSpec
from polarizer.errors import DatasetImagesError


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
