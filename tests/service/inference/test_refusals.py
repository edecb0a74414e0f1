"""What is wrong with a request is a clear problem."""

from __future__ import annotations

import pytest

from service.inference.bodies import MOST_IMAGES
from tests.service.conftest import Site
from tests.service.inference.artefacts import (
    encoded,
    random_images,
)
from tests.service.inference.asking import ask, ask_several
from tests.service.test_app import problem


@pytest.mark.parametrize("kind", ["", "text/plain", "image/svg+xml", "image/gif", "image/*"])
def test_another_media_type_is_refused(served: Site, model_id: str, kind: str) -> None:
    body = problem(ask(served, model_id, b"<svg/>", kind), 415, "media-type")
    assert "image/png" in str(body["detail"])


def test_too_large_a_body_is_refused(served: Site, model_id: str) -> None:
    over = bytes(served.settings.max_image_bytes + 1)
    problem(ask(served, model_id, over), 413, "too-large")
    problem(ask_several(served, model_id, over[: len(over) // 2], over), 413, "too-large")


@pytest.mark.parametrize("top", ["0", "101", "x"])
def test_top_has_bounds(served: Site, model_id: str, top: str) -> None:
    problem(ask(served, model_id, b"image", top=top), 422, "invalid-request")


def form(*parts: tuple[str, str]) -> bytes:
    """A form of ``(header after the name, content)``."""
    body = "".join(
        f"--b\r\nContent-Disposition: form-data; {header}\r\n\r\n{content}\r\n"
        for header, content in parts
    )
    return f"{body}--b--\r\n".encode()


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (form(('name="image"', "x")), "multipart/form-data; boundary=b", "cannot be read"),
        (form(('name="file"; filename="a"', "x")), "multipart/form-data; boundary=b", "'file'"),
        (b"--b--\r\n", "multipart/form-data; boundary=b", "no part named"),
        (b"\0\1\2", "multipart/form-data; boundary=b", "cannot be read"),
        (b"--b", "multipart/form-data", "cannot be read"),
        (
            form(('name="image"; filename="a"', "x")).removesuffix(b"--\r\n"),
            "multipart/form-data; boundary=b",
            "before its last boundary",
        ),
        (
            form(*[('name="image"; filename="a"', "x")] * (MOST_IMAGES + 1)),
            "multipart/form-data; boundary=b",
            "at most 64",
        ),
    ],
)
def test_a_form_that_holds_something_else_is_refused(
    served: Site, model_id: str, content: bytes, kind: str, message: str
) -> None:
    answer = ask(served, model_id, content, kind)
    assert message in str(problem(answer, 422, "invalid-request")["detail"])


def test_a_part_of_another_type_is_named(served: Site, model_id: str) -> None:
    files = [("image", ("page.html", b"<html/>", "text/html"))]
    answer = served.client.post(f"/v1/models/{model_id}/predict", files=files)
    assert "page.html" in str(problem(answer, 415, "media-type")["detail"])


def test_the_unreadable_one_of_several_is_named(served: Site, model_id: str) -> None:
    images = [encoded(image) for image in random_images(4, seed=4)]
    images[2] = images[2][:60]
    body = problem(ask_several(served, model_id, *images), 400, "unreadable-image")
    assert str(body["detail"]).startswith("image 2: ")


def test_an_empty_body_is_no_image(served: Site, model_id: str) -> None:
    assert "empty" in str(problem(ask(served, model_id, b""), 400, "unreadable-image")["detail"])
