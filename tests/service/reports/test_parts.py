"""Pictures, drawings, numbers as words, and which form is asked for."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image
from pydantic import ValidationError

from service.defenses.details import ClassAccuracy, Confusion, Surrogate
from service.errors import ConflictError
from service.reports import OFFERED, preferred, read, wording
from service.reports.charts import Line, curves, span
from service.reports.pictures import data_uri, png
from tests.service.reports import samples

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def test_a_picture_has_the_pixels_that_were_given() -> None:
    rgb = bytes(range(5 * 3 * 3))
    with Image.open(io.BytesIO(png(5, 3, rgb))) as image:
        assert image.format == "PNG"
        assert image.size == (5, 3)
        assert image.convert("RGB").tobytes() == rgb


def test_a_surrogate_becomes_a_data_uri() -> None:
    uri = data_uri(Surrogate.model_validate(samples.surrogate(1)))
    kind, encoded = uri.split(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        assert image.size == (16, 16)
        assert image.getpixel((15, 15)) == (255, 255, 40)


@pytest.mark.parametrize(
    "changes",
    [{"pixels": "AAAA"}, {"pixels": "\"'<>"}, {"pixels": ""}, {"height": 65}, {"width": 0}],
    ids=["too few", "not base64", "none", "too high", "no width"],
)
def test_a_surrogate_that_is_none_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Surrogate.model_validate(samples.surrogate(1) | changes)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="more images are right"):
        ClassAccuracy(label=0, images=2, right_before=1, right_after=3)
    with pytest.raises(ValidationError, match="square"):
        Confusion(before=((1,),), after=((1, 2), (3, 4)))


def test_a_span_stays_in_its_drawing() -> None:
    assert 'cx="6"' in span(0, 1, 1)
    assert 'cx="144"' in span(0, 9, 1)
    assert span(0, 0, 0)


def test_curves_have_their_numbers_as_text() -> None:
    line = Line("total", [(1, 3.0), (50, 1.5)])
    drawn = curves([line, Line("clean", [(1, 1.0)])], "Loss curves", "step")
    assert 'points="0,0 1000,150"' in drawn
    assert "total 3 → 1.5" in drawn
    assert 'aria-label="Loss curves"' in drawn
    assert "stroke-dasharray" in drawn


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (wording.percent(None), "not measured"),
        (wording.percent(1.0), "100.0 %"),
        (wording.points(0.9, 0.95), "+5.0 points"),
        (wording.points(0.95, 0.9), "−5.0 points"),
        (wording.points(0.9, 0.9001), "±0.0 points"),
        (wording.points(None, 0.9), "–"),
        (wording.seconds(12.34), "12.3 s"),
        (wording.seconds(59.97), "60.0 s"),
        (wording.seconds(3725), "1 h 2 min"),
        (wording.size(999), "999 bytes"),
        (wording.size(1500), "1.5 kB"),
        (wording.size(4_800_000), "4.8 MB"),
        (wording.number(-0.25), "−0.25"),
        (wording.plural(1, "image"), "1 image"),
        (wording.plural(2000, "image"), "2,000 images"),
    ],
)
def test_numbers_as_people_read_them(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json", "json"),
        ("*/*", "json"),
        ("", "json"),
        ("image/png", "json"),
        ("text/html", "html"),
        ("TEXT/HTML", "html"),
        ("text/*", "html"),
        (BROWSER, "html"),
        ("text/html, application/json", "json"),
        ("text/html;q=0.5, application/json", "json"),
        ("text/html, application/json;q=0.9", "html"),
        ("application/json;q=0.5, text/html;q=nonsense", "json"),
        ("text/html;q=0", "json"),
        ("text/markdown", "card"),
        ("application/vnd.cyclonedx+json", "bom"),
        ("application/*", "json"),
    ],
)
def test_the_form_that_is_asked_for(accept: str, form: str) -> None:
    media = {"json": "application/json", "html": "text/html", "card": "text/markdown"}
    assert preferred(accept, OFFERED) == media.get(form, "application/vnd.cyclonedx+json")


def test_a_report_is_read_again() -> None:
    report = samples.everything()
    assert read(report.model_dump_json().encode()) == report
    with pytest.raises(ConflictError, match="another version"):
        read(b'{"schema_version": 2}')
