"""The whole site, built as `make docs` builds it: complete, readable, nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

import polarizer
from client import clients
from client.endpoint import Room
from polarizer.config import PurifyConfig
from service.settings import Settings
from tests.documents import ROOT

LOADING = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}
CALL = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`")


class Reading(HTMLParser):
    """What a page loads, and the text that it shows outside code."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in LOADING and given.get("rel") not in ("canonical", "prev", "next"):
            self.loads += [given.get(LOADING[tag]) or ""]
        self._code += tag in ("code", "pre", "script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.text.append(data)


def read(path: Path) -> Reading:
    reading = Reading()
    reading.feed(path.read_text(encoding="utf-8"))
    return reading


@dataclass(frozen=True)
class Site:
    """What was built, and what MkDocs said of it."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if "POLARIZER" not in name}
        | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Site(folder, done.stderr)


@pytest.fixture(scope="module")
def site(built: Site) -> Path:
    return built.folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    """HTML by address."""
    found = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}
    return {name.removesuffix("index.html"): text for name, text in found.items()}


def test_nothing_is_warned_of(built: Site) -> None:
    """Which is what fails ``make check``."""
    assert [line for line in built.said.splitlines() if not line.startswith("INFO")] == []


def test_every_page_is_in_the_site_and_in_its_navigation(pages: dict[str, str]) -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        address = path.relative_to(ROOT / "docs").with_suffix("").as_posix() + "/"
        assert address in pages
        assert f'href="{address}"' in pages[""] or f'href="./{address}"' in pages[""], address


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        outside = [url for url in read(path).loads if re.match(r"(\w+:)?//", url)]
        assert outside == [], path
    for path in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", path.read_text()), path


def test_no_markup_was_left_as_text(site: Path) -> None:
    for path in site.rglob("*.html"):
        if "source" not in path.parts:
            text = "".join(read(path).text)
            assert not re.search(r"\|\s*---|^\s*```|\]\([^)\s]+\.md|:material-", text, re.M), path


def test_every_call_is_in_the_reference(pages: dict[str, str]) -> None:
    calls = set(CALL.findall((ROOT / "docs" / "api.md").read_text().split("## Ask")[0]))
    assert len(calls) > 30
    for method, path in calls:
        assert f"{method} {path}" in pages["reference/http/"]


def test_every_setting_and_hyper_parameter_is_in_the_reference(pages: dict[str, str]) -> None:
    for name in Settings.model_fields:
        row = re.search(
            rf"<code>POLARIZER_{name.upper()}</code></td>.*?</tr>",
            pages["reference/settings/"],
            re.DOTALL,
        )
        assert row, name
        assert not row[0].endswith("<td></td>\n</tr>"), f"{name} has no meaning"
    for name in PurifyConfig.model_fields:
        assert f"<code>{name}</code>" in pages["reference/parameters/"]


def test_every_public_name_and_method_is_in_the_reference(pages: dict[str, str]) -> None:
    for name in polarizer.__all__:
        assert f'id="{name.lower()}"' in pages["reference/python-library/"]
    service = vars(clients._Everything(None))
    rooms = {name: room for name, room in service.items() if isinstance(room, Room)}
    assert len(rooms) >= 7
    for name, room in rooms.items():
        for method in vars(type(room)):
            if not method.startswith("_"):
                assert f"service.{name}.{method}" in pages["reference/python-client/"]


def test_every_command_and_error_is_in_the_reference(pages: dict[str, str]) -> None:
    for command in ("defend", "names point", "keys create", "gate", "purify", "doctor"):
        assert f"polarizer {command}" in pages["reference/command/"]
    assert "python -m service tenants create" in pages["reference/command/"]
    for name in ("idempotency-mismatch", "rate-limited", "checkpoint-keys", "UnreachableError"):
        assert name in pages["reference/errors/"]
