"""A repaired model is found in the list and tried with images of one's own, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.inference.artefacts import add_model, make_alarm, make_artefact
from tests.service.pages.chromium import Browser

COLOURS = ("red", "green")
PATIENCE = 280.0  # seconds; a busy machine takes long to load torch
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service, and so one engine, for all tests of this file."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("site"),
        engine_backends=("fused",),
        engine_timeout_seconds=PATIENCE,
        **TEST_LIMITS,
    )
    migrate(settings)
    with running(settings) as site:
        yield site


@pytest.fixture
def model_id(small_site: Site, tmp_path: Path) -> str:
    """A model in memory whose alarm goes off whenever it disagrees with the model as it came."""
    artefact = make_artefact(tmp_path, 0)
    alarm = make_alarm(tmp_path, artefact, threshold=0)
    model_id = add_model(small_site.resources, artefact, alarm)
    path = tmp_path / "first.png"
    Image.new("RGB", (16, 16)).save(path)
    sent = {"content": path.read_bytes(), "headers": {"Content-Type": "image/png"}}
    place = f"/v1/models/{model_id}/predict"
    small_site.client.post(place, timeout=PATIENCE, **sent).raise_for_status()
    return model_id


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"<i>{colour}.png" for colour in COLOURS]
    for colour, path in zip(COLOURS, paths, strict=True):
        Image.new("RGB", (16, 16), colour).save(path)
    return paths


def test_base_purified_and_flag_stand_side_by_side(
    page: Browser, small_site: Site, model_id: str, images: list[Path]
) -> None:
    page.go("/models")
    page.wait_for_text("small_cnn")
    page.click(model_id)
    page.wait_for_text("Try it")
    page.choose("Images", *images)
    page.wait("document.querySelectorAll('.result .answers ol').length === 4")
    for index, image in enumerate(images):
        sent = {"content": image.read_bytes(), "headers": {"Content-Type": "image/png"}}
        answer = small_site.client.post(f"/v1/models/{model_id}/predict", timeout=PATIENCE, **sent)
        said = answer.json()["predictions"][0]
        shown = page.look(f"document.querySelectorAll('.result')[{index}].innerText")
        assert image.name in shown
        assert ("not flagged" not in shown) is said["flagged"]
        first, second = shown.split("Repaired model")
        assert said["base_top"][0]["label"] in first
        assert said["top"][0]["label"] in second
    drawn = "[...document.querySelectorAll('.shown img')].every((one) => one.naturalWidth === 16)"
    page.wait(drawn)
    copied = page.look("document.querySelector('main .commands').textContent")
    assert f"/v1/models/{model_id}/predict" in copied
    assert "<i>red.png" in copied


def test_the_alarm_is_switched_where_one_stands(
    page: Browser, small_site: Site, model_id: str, images: list[Path]
) -> None:
    page.go(f"/models/{model_id}")
    page.wait_for_text("Try it")
    page.click("Compare with the model as it came, and flag what disagrees")
    page.wait("document.querySelector('main .commands pre')?.textContent.includes('/alarm')")
    assert small_site.client.get(f"/v1/models/{model_id}").json()["alarm"]["on"] is False
    page.choose("Images", images[0])
    page.wait_for_text("alarm off")
    page.wait_for_text("not asked while the alarm is off")


def test_a_file_that_is_no_image_is_told(
    page: Browser, small_site: Site, model_id: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.png"
    wrong.write_bytes(b"no image")
    page.go(f"/models/{model_id}")
    page.wait_for_text("Try it")
    page.choose("Images", wrong)
    page.wait("Boolean(document.querySelector('main [role=alert]'))")
    headers = {"Content-Type": "image/png"}
    place = f"/v1/models/{model_id}/predict"
    refused = small_site.client.post(
        place, content=b"no image", headers=headers, timeout=PATIENCE
    ).json()
    shown = page.look("document.querySelector('main [role=alert]').innerText")
    assert refused["title"] in shown
    page.forgive(400)
