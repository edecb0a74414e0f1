"""Image files of every kind become 8-bit pixels of the model's size and channels."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from polarizer.datasets import DatasetLimits, decode_image
from polarizer.errors import DatasetFormatError, DatasetImagesError, PolarizerError
from tests.polarizer.archives import encoded, pixels, spec

_ORIENTATION = 0x0112


def _decode(content: bytes, *size: int, **options: Any) -> Any:
    decoded, _ = decode_image(content, spec(*size), **options)
    return decoded.transpose(1, 2, 0)


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_formats_keep_every_pixel(image_format: str) -> None:
    options = {"lossless": True} if image_format == "WEBP" else {}
    assert np.array_equal(_decode(encoded(pixels(), image_format, **options)), pixels())


@pytest.mark.parametrize("image_format", ["JPEG", "GIF"])
def test_lossy_formats_are_read(image_format: str) -> None:
    flat = np.full((8, 8, 3), 100, np.uint8)
    assert np.abs(_decode(encoded(flat, image_format)).astype(int) - 100).max() <= 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_mode_becomes_the_channels_of_the_model(mode: str, channels: int) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 0xFFFF, np.uint16))
    else:
        image = Image.new("L", (8, 8), 255).convert("RGB").convert(mode)
    decoded = _decode(encoded(image, "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"), channels)
    assert decoded.shape == (8, 8, channels)
    assert (decoded >= 253).all()


def test_sixteen_bits_are_scaled_not_cut() -> None:
    values = np.linspace(0, 0xFFFF, 64).reshape(8, 8)
    decoded = _decode(encoded(Image.fromarray(values.astype(np.uint16))), 1)
    assert np.abs(decoded[..., 0] - values / 257).max() <= 1


def test_transparency_is_dropped_not_painted() -> None:
    clear = np.concatenate([pixels(), np.zeros((8, 8, 1), np.uint8)], axis=2)
    assert np.array_equal(_decode(encoded(clear)), pixels())


def test_a_transparent_palette_keeps_its_colours() -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 10, 20])
    content = encoded(image, transparency=1)
    assert _decode(content)[0, 0].tolist() == [200, 10, 20]


def test_the_orientation_of_the_camera_is_applied() -> None:
    exif = Image.Exif()
    exif[_ORIENTATION] = 3  # upside down
    decoded = _decode(encoded(pixels(), "PNG", exif=exif))
    assert np.array_equal(decoded, pixels()[::-1, ::-1])


def test_smaller_images_are_averages_not_samples() -> None:
    checkers = np.indices((64, 64)).sum(0) % 2 * 255
    decoded = _decode(encoded(checkers.astype(np.uint8)), 1)
    assert np.abs(decoded[1:-1, 1:-1].astype(int) - 127).max() <= 2


def test_height_and_width_are_not_exchanged() -> None:
    content = encoded(pixels(0, 20, 30))
    decoded, resized = decode_image(content, spec(3, 10, 12))
    assert decoded.shape == (3, 10, 12)
    assert resized


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", encoded(pixels())[:50], encoded(pixels(), "JPEG")[:300], b"%!PS-Adobe"],
)
def test_what_cannot_be_decoded_is_damaged(content: bytes) -> None:
    with pytest.raises(DatasetImagesError, match="the image is damaged"):
        decode_image(content, spec())


def test_floating_point_pixels_are_refused() -> None:
    content = encoded(Image.fromarray(np.zeros((8, 8), np.float32)), "TIFF")
    with pytest.raises(DatasetImagesError):
        decode_image(content, spec())


def test_too_many_pixels_are_refused_by_the_header() -> None:
    with pytest.raises(DatasetFormatError, match="here has 64 pixels; at most 63"):
        decode_image(encoded(pixels()), spec(), DatasetLimits(max_pixels=63), name="here")
    decode_image(encoded(pixels()), spec(), DatasetLimits(max_pixels=64))


def test_a_model_of_odd_channels_takes_no_image_files() -> None:
    with pytest.raises(DatasetFormatError, match="2 channels"):
        decode_image(encoded(pixels()), spec(2))


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
@given(data=st.data())
def test_broken_bytes_never_warn_or_leave_the_error_tree(
    image_format: str, data: st.DataObject
) -> None:
    content = bytearray(encoded(pixels(), image_format))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            decoded, _ = decode_image(bytes(content), spec())
        except PolarizerError:
            return
    assert decoded.shape == (3, 8, 8)


def test_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS
    decode_image(encoded(pixels()), spec())
    assert before == Image.MAX_IMAGE_PIXELS
    assert Image.open(BytesIO(encoded(pixels()))).size == (8, 8)
