"""Takes the pictures of the documentation: a real repair in a browser, from files to an answer.

python -m benchmarks.pages.pictures
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image

from benchmarks.pages.programs import chromium
from demo import digits
from demo.embedded import running_service
from tests.service.pages.chromium import Browser, browser

OUT = Path("docs/pictures")
WIDE, NARROW, TALL, TALLEST = 1100, 380, 820, 2400
COLOURS = 128
NAME = "digits from a vendor"


@dataclass(frozen=True)
class Camera:
    """Takes what a page shows; with ``every`` in each width and light, to be looked over."""

    page: Browser
    out: Path
    every: bool

    def take(self, name: str, *, dark: bool = False, whole: bool = False) -> None:
        """``name``.png. ``whole``: down to the page's end, not only what fits a window."""
        for wide, night in [(WIDE, False), (WIDE, True), (NARROW, False), (NARROW, True)]:
            chosen = (wide, night) == (WIDE, dark)
            if chosen or self.every:
                self._take(name if chosen else f"{name}-{wide}-{night}", wide, night, whole)
        self.page.size(WIDE, TALL)

    def _take(self, name: str, width: int, dark: bool, whole: bool) -> None:
        self.page.size(width, TALL, dark=dark)
        if whole:
            height = int(self.page.look("document.documentElement.scrollHeight"))
            self.page.size(width, min(height, TALLEST), dark=dark)
        # Few colours: pages have no more.
        picture = Image.open(io.BytesIO(self.page.seen())).convert("RGB").quantize(COLOURS)
        picture.save(self.out / f"{name}.png", optimize=True)


def main() -> None:
    """Train a backdoored model, repair it by the pages, take pictures along the way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--every", action="store_true", help="in each width, light and dark")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        files, profile = folder / "files", folder / "browser"
        profile.mkdir()
        subprocess.run([sys.executable, "-m", "demo.files", str(files)], check=True)
        with running_service(folder / "data") as url, browser(chromium(), profile) as page:
            photograph(Camera(page, options.out, options.every), url, files)
    for path in sorted(options.out.glob("*.png")):
        print(f"{path}: {path.stat().st_size:,} bytes")


def photograph(camera: Camera, url: str, files: Path) -> None:
    """The whole way, by the pages alone."""
    page = camera.page
    page.ask("Emulation.setScrollbarsHidden", hidden=True)
    page.size(WIDE, TALL)
    page.open(f"{url}/pages/")
    page.wait_for_text("1. Files")
    camera.take("begin")
    describe(page, files)
    camera.take("new", whole=True)
    page.click("Start the repair")
    page.wait("document.querySelector('.curve')?.points.numberOfItems > 3")
    camera.take("running", dark=True, whole=True)
    page.wait("document.querySelector('.state .badge')?.textContent === 'succeeded'")
    camera.take("finished", whole=True)
    page.click("Report")
    address = page.wait("document.querySelector('main a[target]')?.href")
    camera.take("verdict")
    try_images(camera, files)
    more(url, files)
    page.go("/defenses")
    page.wait("document.querySelectorAll('tbody tr').length >= 3")
    page.wait("document.querySelectorAll('.badge.failed').length === 1")
    camera.take("defenses")
    page.open(str(address))
    camera.take("report")
    page.open(f"{url}/pages/#/keys")
    page.wait_for_text("This is the first key")
    page.type("Name", "pipeline")
    page.click("Make the key")
    page.wait_for_text("keep it, it is not shown again")
    hidden = "document.querySelector('.secret').textContent"
    page.look(f"void ({hidden} = {hidden}.slice(0, 16) + '…')")
    page.click("Use it in this tab")
    page.wait("document.querySelectorAll('td .badge.succeeded').length === 1")
    camera.take("keys", whole=True)


def describe(page: Browser, files: Path) -> None:
    """Everything that is asked for before a repair."""
    page.choose("Suspect model", files / "model.safetensors")
    page.choose("Clean images", files / "clean.npz")
    page.choose("Description", files / "model.json")
    page.click("I have images with the trigger, or a test set")
    page.choose("Test images", files / "test.npz")
    page.choose("Triggered images", files / "triggered.npz")
    page.type("Target class", str(digits.TARGET))
    page.type("Name", NAME)
    page.wait_for_text("Ready to start.")


def try_images(camera: Camera, files: Path) -> None:
    """One image as it is, and one that carries the trigger."""
    page = camera.page
    page.go("/models")
    page.wait_for_text(NAME)
    camera.take("models")
    page.click(NAME)
    page.wait_for_text("Try it")
    page.choose("Images", files / "seven.png", files / "seven-with-trigger.png")
    page.wait("document.querySelectorAll('.result .answers ol').length === 4")
    camera.take("model", whole=True)


def more(url: str, files: Path) -> None:
    """Defenses for the list: one whose model is none, and one that was done before."""
    description = (files / "model.json").read_text()
    for name, model in (
        ("the vendor's second file", b"no model at all"),
        ("the same again", (files / "model.safetensors").read_bytes()),
    ):
        parts = {
            "model": ("model.safetensors", model),
            "clean": ("clean.npz", (files / "clean.npz").read_bytes()),
            "description": (None, description),
            "request": (None, f'{{"name": "{name}", "evidence": null}}'),
        }
        httpx.post(f"{url}/v1/defenses", files=parts).raise_for_status()


if __name__ == "__main__":
    main()
