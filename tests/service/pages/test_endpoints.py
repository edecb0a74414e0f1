"""The pages as files: whole, cached, shut off from everything but the service itself."""

from __future__ import annotations

import re
from importlib.resources import files

import httpx
import pytest

from service.pages.assets import INDEX, MEDIA_TYPES, Asset, load
from service.reports.style import SOURCE
from tests.service.conftest import Site
from tests.service.test_app import problem

ASSETS = load()
TEXTS = {name: asset.content.decode() for name, asset in ASSETS.items()}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_browsers_come_to_the_page_and_programs_to_the_reference(quiet_site: Site) -> None:
    browser = quiet_site.client.get("/", headers=BROWSER)
    program = quiet_site.client.get("/")
    assert (browser.status_code, browser.headers["location"]) == (307, "/pages/")
    assert (program.status_code, program.headers["location"]) == (307, "/docs")
    assert browser.headers["vary"] == "Accept"


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_file_is_served_and_kept_until_it_changes(quiet_site: Site, name: str) -> None:
    path = "/pages/" if name == INDEX else f"/pages/{name}"
    first = quiet_site.client.get(path)
    assert first.status_code == 200
    assert first.content == ASSETS[name].content
    assert first.headers["content-type"] == ASSETS[name].media_type
    assert first.headers["cache-control"] == "no-cache"
    for known in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = quiet_site.client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    other = quiet_site.client.get(path, headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


def test_nothing_else_is_served(quiet_site: Site) -> None:
    for name in ("none.js", "..%2Fendpoints.py", "%2e%2e%2f__init__.py"):
        problem(quiet_site.client.get(f"/pages/{name}"), 404, "not-found")


def test_every_file_of_the_folder_has_a_known_kind() -> None:
    there = {file.name for file in (files("service.pages") / "static").iterdir()}
    assert there == set(ASSETS)
    assert {f".{name.rpartition('.')[2]}" for name in there} == set(MEDIA_TYPES)


def test_only_the_service_is_loaded_from_or_asked(quiet_site: Site) -> None:
    policy = policy_of(quiet_site.client.get("/pages/"))
    assert policy["default-src"] == ["'none'"]
    for kind in ("script-src", "connect-src"):
        assert policy[kind] == ["'self'"]
    assert policy["style-src"] == ["'self'", SOURCE]  # of the report, which a link may open
    assert policy["img-src"] == ["'self'", "data:", "blob:"]
    for kind in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert policy[kind] == ["'none'"]
    assert policy["require-trusted-types-for"] == ["'script'"]


def policy_of(response: httpx.Response) -> dict[str, list[str]]:
    parts = (part.split() for part in response.headers["content-security-policy"].split(";"))
    return {part[0]: part[1:] for part in parts}


def test_everything_that_is_referred_to_is_there(quiet_site: Site) -> None:
    named = re.findall(r'(?:href|src)="([^"#]+)"', TEXTS[INDEX])
    assert len(named) > 10
    for name in named:
        address = httpx.URL("/pages/").join(name)
        assert quiet_site.client.get(str(address)).status_code == 200, name


def test_every_script_is_asked_for_at_once() -> None:
    """Otherwise each import waits for the file that names it."""
    preloaded = set(re.findall(r'rel="modulepreload" href="([^"]+)"', TEXTS[INDEX]))
    scripts = {name for name in TEXTS if name.endswith(".js")}
    assert preloaded == scripts - {"app.js"}
    reached, waiting = set(), ["app.js"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += re.findall(r'from "\./([^"]+)"', TEXTS[name])
    assert reached == scripts


def test_the_page_has_no_inline_script_or_style() -> None:
    text = TEXTS[INDEX]
    assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_other_site_is_named(name: str) -> None:
    text = TEXTS[name].replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.search(r"""https?://|\burl\(|@import|["'(]//\w""", text)


@pytest.mark.parametrize("name", sorted(name for name in TEXTS if name.endswith(".js")))
def test_data_never_becomes_markup_or_code(name: str) -> None:
    dangerous = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(rf"{dangerous}|localStorage|document\.cookie", TEXTS[name])


def test_all_of_it_is_small() -> None:
    assert sum(len(asset.content) for asset in ASSETS.values()) < 100_000


def test_an_etag_is_of_the_content() -> None:
    one, other = (Asset.of(content, ".js") for content in (b"1", b"2"))
    assert one.etag != other.etag
    assert one.etag == Asset.of(b"1", ".css").etag
    assert one.is_known(one.etag)
    assert not one.is_known(other.etag)
    assert not one.is_known("")
