"""Every page and the report, wide and narrow, light and dark: for everybody, and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, migrate, running
from tests.service.pages import axe
from tests.service.pages.chromium import Browser
from tests.service.pages.files import write_files
from tests.service.pages.furnishing import Furnished, furnish

TOP = [{"label": f"class {i}", "probability": 0.5**i} for i in range(1, 6)]
ANSWER = json.dumps({"predictions": [{"index": 0, "flagged": True, "base_top": TOP, "top": TOP}]})
WIDE, NARROW = 1200, 380
LOOKS = [(width, dark) for width in (WIDE, NARROW) for dark in (False, True)]
FOCUSABLE = """[...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')]
    .filter((one) => !one.disabled && one.checkVisibility({contentVisibilityAuto: true}))"""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    folder = tmp_path_factory.mktemp("furnished")
    settings = Settings(data_dir=folder, engine_backends=("fused",), **TEST_LIMITS)
    migrate(settings)
    with running(settings) as site:
        yield furnish(site, folder)


def _new_with_files(page: Browser, furnished: Furnished) -> None:
    model, clean = write_files(furnished.folder)
    page.choose("Suspect model", model)
    page.choose("Clean images", clean)
    page.wait_for_text("Ready to start.")
    for summary in ("As it will be sent", "The same with curl or Python"):
        page.click(summary)


def _model_tried(page: Browser, furnished: Furnished) -> None:
    """The answer is made here: how it is shown needs no engine."""
    page.wait_for_text("Try it")
    page.look(f"void (window.fetch = async () => new Response({json.dumps(ANSWER)}))")
    page.choose("Images", furnished.folder / "red.png")
    page.wait("document.querySelectorAll('.result .answers ol').length === 2")
    page.click("The same with curl or Python")


def _running_seen(page: Browser, _furnished: Furnished) -> None:
    page.wait("document.querySelectorAll('.curve').length === 3")
    page.click("Everything that happened")


def _text(text: str) -> Callable[[Browser, Furnished], None]:
    return lambda page, _furnished: page.wait_for_text(text)


PLACES: dict[str, tuple[str, Callable[[Browser, Furnished], None]]] = {
    "new": ("/new", _text("1. Files")),
    "new-with-files": ("/new", _new_with_files),
    "defenses": ("/defenses", _text("succeeded")),
    "nothing-fits": ("/defenses?q=nothing", _text("None of these fits.")),
    "queued": ("/defenses/{queued}", _text("queued")),
    "running": ("/defenses/{running}", _running_seen),
    "failed": ("/defenses/{failed}", _text("this is no model")),
    "succeeded": ("/defenses/{succeeded}", _text("Accuracy on clean images")),
    "report": ("/reports/{succeeded}", _text("Provenance")),
    "models": ("/models", _text("small_cnn")),
    "model": ("/models/{model}", _model_tried),
    "keys": ("/keys", _text("There are none. From the first one on")),
    "nowhere": ("/none", _text("There is no such page")),
}


@pytest.fixture
def at(chromium: Browser, furnished: Furnished) -> Iterator[Callable[[str], Browser]]:
    """Opens a place afresh; nothing may be complained of there."""

    def go(place: str) -> Browser:
        address, ready = PLACES[place]
        chromium.size(WIDE)
        chromium.open("about:blank")
        chromium.complaints.clear()
        chromium.open(f"{furnished.url}/pages/#{address.format(**furnished.ids)}")
        chromium.wait("document.querySelector('h1') && document.title.includes('·')")
        ready(chromium, furnished)
        return chromium

    yield go
    assert chromium.complaints == []


@pytest.mark.parametrize("place", PLACES)
def test_nobody_is_kept_out_of_a_page(at: Callable[[str], Browser], place: str) -> None:
    page = at(place)
    for width, dark in LOOKS:
        page.size(width, dark=dark)
        assert page.look("document.documentElement.scrollWidth") <= width
        assert axe.violations(page) == [], f"{width} pixels, {'dark' if dark else 'light'}"


def test_nobody_is_kept_out_of_the_report(chromium: Browser, furnished: Furnished) -> None:
    chromium.open(f"{furnished.url}/v1/defenses/{furnished.ids['succeeded']}/report")
    for width, dark in LOOKS:
        chromium.size(width, dark=dark)
        assert chromium.look("document.documentElement.scrollWidth") <= width
        assert axe.violations(chromium) == [], f"{width} pixels, {'dark' if dark else 'light'}"


@pytest.mark.parametrize("place", PLACES)
def test_everything_is_reached_and_seen_by_keyboard(
    at: Callable[[str], Browser], place: str
) -> None:
    page = at(place)
    page.size(NARROW)
    for _ in range(10):
        missed = reached(page)
        if not missed:
            return
        if page.look("[...window.left].every((one) => one.isConnected)"):
            raise AssertionError(f"no Tab leads to {json.dumps(missed)}")
    raise AssertionError("the page does not come to rest")


def reached(page: Browser) -> list[str]:
    """Goes through the page by Tab; what of it was not reached, perhaps since it was replaced."""
    page.look(f"void (window.left = new Set({FOCUSABLE}))")
    named = """[...window.left].filter((one) =>
        !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
        .map((one) => one.outerHTML)"""
    assert page.look(named) == []
    page.look("void document.activeElement.blur()")
    for _ in range(4 * page.look("window.left.size")):  # a field for dates has several stops
        page.press("Tab")
        shown = "getComputedStyle(document.activeElement).outlineStyle"
        if page.look("window.left.delete(document.activeElement)"):
            assert page.look(shown) != "none", page.look("document.activeElement.outerHTML")
        if page.look("window.left.size === 0"):
            return []
    missed = page.look("[...window.left].map((one) => one.outerHTML.slice(0, 200))")
    return list(missed)


def test_the_axe_finds_what_is_wrong(at: Callable[[str], Browser]) -> None:
    """So that an empty list means something."""
    page = at("nowhere")
    page.look("void document.querySelector('main').append(document.createElement('input'))")
    assert ["label" in found for found in axe.violations(page)] == [True]
