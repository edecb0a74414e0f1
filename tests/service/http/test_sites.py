"""Browsers: which origins may ask, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running

PAGE = "https://lab.example"


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that the pages of one other site may use."""
    folder: Path = tmp_path_factory.mktemp("open")
    settings = Settings(data_dir=folder, cors_origins=(PAGE,), **TEST_LIMITS)
    migrate(settings)
    with running(settings) as site:
        yield site


def _preflight(site: Site, origin: str, method: str = "POST"):  # type: ignore[no-untyped-def]
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    return site.client.options("/v1/defenses", headers=asked)


def _granted(headers: object) -> list[str]:
    return [name for name in headers if name.startswith("access-control-")]  # type: ignore[attr-defined]


def test_no_other_site_may_ask_by_default(quiet_site: Site) -> None:
    assert _preflight(quiet_site, PAGE).status_code == 405
    for answer in (
        _preflight(quiet_site, PAGE),
        quiet_site.client.get("/v1/uploads", headers={"Origin": PAGE}),
    ):
        assert _granted(answer.headers) == []


def test_a_named_origin_may(open_site: Site) -> None:
    allowed = _preflight(open_site, PAGE)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    assert "Idempotency-Key" in allowed.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in allowed.headers
    assert allowed.headers["x-content-type-options"] == "nosniff"
    headers = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site"}
    sent = open_site.client.post("/v1/uploads", content=b"x", headers=headers)
    assert sent.status_code == 201
    assert sent.headers["access-control-allow-origin"] == PAGE
    assert "Location" in sent.headers["access-control-expose-headers"]
    refused = open_site.client.get("/v1/nothing", headers=headers)
    assert refused.status_code == 404
    assert refused.headers["access-control-allow-origin"] == PAGE, "errors can be read too"


@pytest.mark.parametrize(
    "origin",
    ["https://lab.example.org", "http://lab.example", "https://evil.example", "null", PAGE + ":8"],
)
def test_any_other_origin_may_not(open_site: Site, origin: str) -> None:
    assert _preflight(open_site, origin).status_code == 400
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    answer = open_site.client.post("/v1/uploads", content=b"x", headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origins", ["*", "lab.example", "https://lab.example/", "https://*.example", "null", "https://"]
)
def test_only_whole_origins_can_be_named(origins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARIZER_CORS_ORIGINS", origins)
    with pytest.raises(ValidationError):
        Settings()
