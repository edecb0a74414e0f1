"""A browser for a file of tests, and the pages of a fresh service in it for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate
from tests.service.defenses.conftest import small_worker
from tests.service.pages.chromium import Browser, browser, installed

__all__ = ["small_worker"]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Skips without a browser, except in CI."""
    program = installed()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium is installed; on Debian: apt-get install chromium")
        pytest.skip("no Chromium is installed")
    with browser(program, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path, engine_backends=("fused",), **TEST_LIMITS)
    migrate(settings)
    return settings


@pytest.fixture
def page(chromium: Browser, small_site: Site) -> Iterator[Browser]:
    """The pages of a fresh service; nothing may be complained of."""
    chromium.size(1200)
    chromium.open(f"{small_site.url}/pages/")
    chromium.look("sessionStorage.clear()")
    chromium.complaints.clear()
    yield chromium
    assert chromium.complaints == []
