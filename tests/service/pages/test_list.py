"""The list of defenses in a real browser, its filters, and the commands that it gives away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.conftest import Site
from tests.service.defenses.conftest import Worker, submit
from tests.service.pages.chromium import Browser

SHOWN = "[...document.querySelectorAll('td a')].map((one) => one.textContent)"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def names(small_site: Site, small_worker: Worker) -> dict[str, str]:
    """Ids of a defense that waits and of one that failed, by their names."""
    made = {name: submit(small_site, name=name).json()["id"] for name in ("signs", "<u>digits")}
    small_worker.fail(small_worker.claim(made["<u>digits"]), "model-format", "no model")
    return made


def test_filters_are_kept_in_the_address(page: Browser, names: dict[str, str]) -> None:
    page.go("/defenses")
    page.wait(f"{SHOWN}.length === 2")
    page.choose_option("State", "failed")
    page.wait(f"{SHOWN}.join() === '<u>digits'")
    assert page.look("location.hash") == "#/defenses?status=failed"
    page.type("Search", "signs")
    page.wait_for_text("None of these fits.")
    page.choose_option("State", "")
    page.wait(f"{SHOWN}.join() === 'signs'")
    address = page.look("location.href")
    assert address.endswith("#/defenses?q=signs")
    page.open("about:blank")
    page.open(address)
    page.wait(f"{SHOWN}.join() === 'signs'")
    page.type("Search", names["<u>digits"])
    page.wait(f"{SHOWN}.join() === '<u>digits'")
    page.click("<u>digits")
    page.wait_for_text("no model")


def test_what_is_under_way_is_followed(
    page: Browser, names: dict[str, str], small_worker: Worker
) -> None:
    page.go("/defenses")
    page.wait(f"{SHOWN}.length === 2")
    page.look("void [...document.querySelectorAll('td a')].at(-1).focus()")
    focused = page.look("document.activeElement.textContent")
    small_worker.fail(small_worker.claim(names["signs"]), "model-format", "no model")
    page.wait("document.querySelectorAll('td .badge.failed').length === 2")
    assert page.look("document.activeElement.textContent") == focused


def test_what_is_copied_runs(page: Browser, names: dict[str, str], tmp_path: Path) -> None:
    page.go("/defenses?status=failed")
    page.wait(f"{SHOWN}.length === 1")
    page.click("The same with curl or Python")
    page.click("Copy Python")
    page.wait_for_text("Copied")
    assert names["<u>digits"] in run(tmp_path, sys.executable, "-c", page.copied())
    if shutil.which("curl"):
        page.click("Copy curl")
        page.wait("navigator.clipboard.readText().then((text) => text.startsWith('curl'))")
        assert names["<u>digits"] in run(tmp_path, "sh", "-c", page.copied())


def run(folder: Path, *command: str) -> str:
    """What it prints, without anybody's configuration."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("POLARIZER_")}
    environment |= {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
