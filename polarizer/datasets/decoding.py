"""From the bytes of an image file to pixels of the model's size and channels."""

from __future__ import annotations

import struct
import warnings
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from polarizer.datasets.limits import DatasetLimits
from polarizer.description import InputSpec
from polarizer.errors import DatasetFormatError, DatasetImagesError
from polarizer.listing import shown

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")

# What Pillow raises on damaged files.
_DAMAGE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(EOFError, RuntimeError, MemoryError, AssertionError, struct.error, zlib.error),
)


def decode_image(
    content: bytes,
    spec: InputSpec,
    limits: DatasetLimits | None = None,
    *,
    name: str = "the image",
) -> tuple[NDArray[np.uint8], bool]:
    """``(pixels, resized)``: uint8 (C, H, W) as ``spec`` says, and whether the size was another.

    Orientation by EXIF is applied, 16 bits are reduced to 8, transparency is dropped, channels are
    converted, another size is resized by antialiased bilinear interpolation. Raises
    :class:`DatasetImagesError` for a damaged file and :class:`DatasetFormatError`, before decoding,
    for one of too many pixels.
    """
    limits = limits or DatasetLimits()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large and odd files; both are dealt with here
            image = Image.open(BytesIO(content), formats=FORMATS)
            if image.width * image.height > limits.max_pixels:
                raise _too_large(name, limits, str(image.width * image.height))
            upright = ImageOps.exif_transpose(image)
            return fit(_eight_bits(upright), spec)
    except Image.DecompressionBombError as error:
        raise _too_large(name, limits, str(error).partition("(")[2].partition(" ")[0]) from error
    except _DAMAGE as error:
        raise DatasetImagesError(
            f"{shown(name)} is damaged or no image ({type(error).__name__}); "
            f"read are {', '.join(FORMATS)}"
        ) from error


def fit(image: Image.Image, spec: InputSpec) -> tuple[NDArray[np.uint8], bool]:
    """``(pixels, resized)`` of an 8-bit image, see :func:`decode_image`."""
    mode = _MODES.get(spec.channels)
    if mode is None:
        raise DatasetFormatError(
            f"the model takes {spec.channels} channels, which no image file has; "
            "send an .npz of images at the model's size"
        )
    size = (spec.width, spec.height)
    resized = image.size != size
    image = image if image.mode == mode else image.convert(mode)
    if resized:
        image = image.resize(size, Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return (pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)), resized


def _too_large(name: str, limits: DatasetLimits, pixels: str) -> DatasetFormatError:
    return DatasetFormatError(
        f"{shown(name)} has {pixels} pixels; at most {limits.max_pixels} are decoded, scale it down"
    )


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("pixels of more than 16 bits")
        return Image.fromarray(np.rint(values / 257).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating point pixels")
    if image.mode in ("P", "PA"):  # colours first, or transparency by palette index is lost
        return image.convert("RGBA")
    return image
