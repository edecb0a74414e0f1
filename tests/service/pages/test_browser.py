"""The pages in a real browser, from a dropped model to its answer; its console stays empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.defenses.lifecycle import Lease
from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate
from tests.service.defenses.conftest import Worker
from tests.service.pages.chromium import Browser, browser, installed

CHROMIUM = installed()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

NARROW = 380
LOSSES = {"clean": 0.5, "consistency": 0.25}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert CHROMIUM
    with browser(CHROMIUM, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path, engine_backends=("fused",), **TEST_LIMITS)
    migrate(settings)
    return settings


@pytest.fixture
def small_worker(small_site: Site, tmp_path: Path) -> Worker:
    return Worker(small_site.resources, tmp_path)


@pytest.fixture
def page(chromium: Browser, small_site: Site) -> Iterator[Browser]:
    """The pages of a fresh service; nothing may be complained of, and nothing may stick out."""
    chromium.size(1200)
    chromium.open(f"{small_site.url}/pages/")
    chromium.look("sessionStorage.clear()")
    chromium.complaints.clear()
    yield chromium
    assert chromium.complaints == []


def write_files(folder: Path) -> tuple[Path, Path]:
    """A model of small_cnn's names and shapes, and 40 clean images of 10 classes."""
    model, clean = folder / "suspect <b>.safetensors", folder / "clean.npz"
    shapes = {
        "conv1.weight": (8, 1, 3, 3),
        "conv3.weight": (32, 16, 3, 3),
        "bn3.weight": (32,),
        "linear.weight": (10, 32),
    }
    model.write_bytes(safetensors(shapes))
    images = np.zeros((40, 12, 12), np.uint8)
    np.savez_compressed(clean, images=images, labels=np.arange(40) % 10)
    return model, clean


def safetensors(shapes: dict[str, tuple[int, ...]]) -> bytes:
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)


def ask_for_a_defense(page: Browser, folder: Path) -> str:
    model, clean = write_files(folder)
    page.choose("Suspect model", model)
    page.choose("Clean images", clean)
    page.wait_for_text("Looks like small_cnn, width 8, 10 classes")
    page.wait_for_text("40 images of 12×12, 1 channel, 8 bits")
    page.wait_for_text("small_cnn, width 8; 1×12×12; 10 classes")
    page.type("Name", "<i>vendor</i>")
    page.wait_for_text("Ready to start.")
    page.click("Start the repair")
    found = page.wait("/^#.defenses.(def_\\w+)$/.exec(location.hash)?.[1]")
    return str(found)


def test_from_files_to_a_report(
    page: Browser, small_site: Site, small_worker: Worker, tmp_path: Path
) -> None:
    defense_id = ask_for_a_defense(page, tmp_path)
    sent = small_site.client.get(f"/v1/defenses/{defense_id}").json()
    assert sent["name"] == "<i>vendor</i>"
    assert sent["inputs"]["model"]["filename"] == "suspect _b_.safetensors"  # a safe one
    assert sent["description"]["input"]["height"] == 12
    assert sent["description"]["architecture"]["width"] == 8
    page.wait_for_text("queued")
    lease = small_worker.claim(defense_id)
    follow(page, small_worker, lease)
    small_worker.succeed(lease, json.dumps(report(defense_id)).encode(), accuracy_after=0.875)
    page.click("Report")
    page.wait_for_text("The door is <b>closed</b>.")
    page.wait_for_text("87.5\u00a0%")
    page.go("/defenses?q=vendor")
    page.wait_for_text("<i>vendor</i>")
    page.type("Search", "nobody's")
    page.wait_for_text("None of these fits.")


def follow(page: Browser, worker: Worker, lease: Lease) -> None:
    """Each thing is seen as soon as the worker says it."""
    worker.report(lease, "stage", {"stage": "purifying"}, stage="purifying")
    page.wait("document.querySelector('.stages .now')?.textContent === 'purifying'")
    for step in (1, 2):
        data = {"fraction": step / 4, "step": step, "steps": 4, "losses": LOSSES}
        worker.report(lease, "progress", data | {"remaining_seconds": 7.0})
    page.wait_for_text("Step 2 of 4, about 7 s left")
    page.wait("document.querySelectorAll('.curve').length === 2")
    worker.report(lease, "warning", {"code": "few-images", "message": "<u>few</u> images"})
    page.wait_for_text("<u>few</u> images")


def report(defense_id: str) -> dict[str, Any]:
    words = "The door is <b>closed</b>."
    evidence = {"verdict": "closed", "words": words, "suspects": [], "classes": []}
    return {
        "defense_id": defense_id,
        "numbers": {"accuracy_before": 0.9, "accuracy_after": 0.875},
        "evidence": evidence,
        "measured_on": "test",
    }


def test_cancelling(page: Browser, small_site: Site, tmp_path: Path) -> None:
    defense_id = ask_for_a_defense(page, tmp_path)
    page.click("Cancel")
    page.wait_for_text("cancelled")
    found = small_site.client.get(f"/v1/defenses/{defense_id}").json()
    assert found["status"] == "cancelled"
    page.wait_for_text("cancel")


def test_a_key_is_shown_once_and_stays_in_the_tab(page: Browser, small_site: Site) -> None:
    page.go("/keys")
    page.wait_for_text("without a key")
    page.type("Name", "mine")
    page.look("[...document.querySelectorAll('.tick input')].at(-1).click()")  # admin
    page.click("Make the key")
    key = page.wait("document.querySelector('.secret')?.textContent")
    headers = {"Authorization": f"Bearer {key}"}
    assert small_site.client.get("/v1/whoami", headers=headers).status_code == 200
    page.wait_for_text("this service asks for a key")
    page.complaints.clear()  # the browser tells of every 401
    page.click("Use it in this tab")
    page.go("/defenses")
    page.wait_for_text("There are none yet.")
    page.wait(f"sessionStorage.getItem('polarizer-key') === {json.dumps(key)}")
    assert page.look("localStorage.length + document.cookie.length") == 0
    assert key not in page.look("document.documentElement.outerHTML")
    page.wait("document.querySelector('.command pre').textContent.includes('$POLARIZER_API_KEY')")


@pytest.mark.parametrize("place", ["/new", "/defenses", "/models", "/keys", "/none"])
def test_every_page_can_be_used_by_keyboard_on_a_narrow_screen(page: Browser, place: str) -> None:
    page.size(NARROW)
    page.go(place)
    page.wait("document.querySelector('h1') && document.title.includes('·')")
    assert page.look("document.documentElement.scrollWidth") <= NARROW
    unnamed = """[...document.querySelectorAll('input, select, textarea, button, a, progress')]
        .filter((one) => !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
        .map((one) => one.outerHTML)"""
    assert page.look(unnamed) == []
    assert page.look("document.activeElement.id") in ("content", "")
    assert page.look("document.querySelectorAll('h1').length") == 1
    assert (
        page.look("document.querySelectorAll('[tabindex]:not([tabindex=\"0\"], h1, main)').length")
        == 0
    )
