"""Every odd image answers, or gets a 4xx that names the cause; the engine stays the same one."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from tests.service.conftest import Site
from tests.service.inference.artefacts import Artefact, add_model, encoded, random_images
from tests.service.inference.asking import ask, probabilities, require_same
from tests.service.test_app import problem


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    ramp = np.arange(size[0] * size[1], dtype=np.uint32) * 7919 % 256
    return Image.fromarray(ramp.astype(np.uint8).reshape(size[::-1])).convert(mode)


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40))


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(picture(), "jpeg", exif=exif)


def animated() -> bytes:
    frames = [picture(), picture().rotate(90)]
    return saved(frames[0], "webp", save_all=True, append_images=frames[1:])


def animated_png() -> bytes:
    return saved(picture(), "png", save_all=True, append_images=[picture().rotate(90)])


def bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A PNG that promises many pixels, and holds none."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack("!I", len(data)) + name + data + struct.pack("!I", check)

    header = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


ANSWERED = {
    "cmyk": saved(picture("CMYK"), "jpeg"),
    "palette": saved(picture("P"), "png"),
    "palette with transparency": saved(picture("P"), "png", transparency=3),
    "one bit": saved(picture("1"), "png"),
    "grey with alpha": saved(picture("LA"), "png"),
    "alpha": saved(picture("RGBA"), "png"),
    "alpha webp": saved(picture("RGBA"), "webp"),
    "16 bit": saved(sixteen_bit(), "png"),
    "turned by exif": rotated(),
    "progressive": saved(picture(), "jpeg", progressive=True),
    "animated webp": animated(),
    "animated png": animated_png(),
    "1x1": saved(picture(size=(1, 1)), "png"),
    "1x2000": saved(picture(size=(1, 2000)), "png"),
    "large": saved(picture(size=(1500, 1000)), "jpeg"),
    "noise after the end": saved(picture(), "png") + b"noise",
}
REFUSED = {
    "truncated png": (saved(picture(), "png")[:100], "damaged"),
    "truncated jpeg": (saved(picture(), "jpeg")[:300], "damaged"),
    "truncated webp": (saved(picture(), "webp")[:100], "damaged"),
    "only a signature": (b"\x89PNG\r\n\x1a\n", "damaged"),
    "20,000 x 20,000": (bomb(), "400000000 pixels; at most"),
    "8,000 x 8,000": (bomb(8000, 8000), "64000000 pixels; at most"),
    "no pixel": (bomb(0, 0), "damaged"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no JPEG, PNG or WebP"),
    "gif": (saved(picture(), "gif"), "no JPEG, PNG or WebP"),
    "noise": (bytes(range(256)), "no JPEG, PNG or WebP"),
    "text": (b"hello", "no JPEG, PNG or WebP"),
}


@pytest.fixture(scope="module")
def model_id(served: Site, artefacts: list[Artefact]) -> str:
    return add_model(served.resources, artefacts[0])


@pytest.fixture(autouse=True)
def _same_engine(served: Site, model_id: str) -> Iterator[None]:
    """No image may take the engine down."""
    good = encoded(random_images(1, seed=0)[0])
    before = ask(served, model_id, good)
    pid = served.resources.inference.engines[0].pid
    yield
    require_same(ask(served, model_id, good), before)
    assert served.resources.inference.engines[0].pid == pid


@pytest.mark.parametrize("name", ANSWERED)
def test_an_odd_image_is_answered(served: Site, model_id: str, name: str) -> None:
    found = probabilities(ask(served, model_id, ANSWERED[name], top="7"), 7)
    torch.testing.assert_close(found.sum(), torch.tensor(1.0))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_is_refused_by_its_cause(served: Site, model_id: str, name: str) -> None:
    content, cause = REFUSED[name]
    body = problem(ask(served, model_id, content), 400, "unreadable-image")
    assert cause in str(body["detail"])


def test_an_image_is_turned_upright(served: Site, model_id: str) -> None:
    """Stored lying on its side, and stored upright: the same answer."""
    upright = picture(size=(16, 16)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise
    lying = saved(upright.rotate(90), "png", exif=exif)
    answers = [ask(served, model_id, content) for content in (saved(upright, "png"), lying)]
    require_same(*answers)
