"""Whatever breaks inside, neither answers nor logs tell secrets, words of exceptions, stack traces
or places on disk."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy.exc import OperationalError

from service.database import Database
from service.logging import configure_logging
from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running

SECRET = "planted-secret"
WORDS = "planted-words in /planted/path.py"
BREAKS = {
    "unforeseen": RuntimeError(f"{WORDS} {SECRET}"),
    "operating system": PermissionError(13, WORDS, f"/planted/{SECRET}"),
    "database": OperationalError("SELECT planted-words", {"a": SECRET}, Exception(WORDS)),
}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is logged by a service that is started after this."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture
def leaky(tmp_path: Path, log: io.StringIO) -> Iterator[Site]:
    """A service with a secret, and logs of its own."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()
    settings = Settings(
        data_dir=tmp_path, s3_access_key_id="a", s3_secret_access_key=SECRET, **TEST_LIMITS
    )
    migrate(settings)
    configure_logging(settings)
    with running(settings) as site:
        yield site
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**before)


def _operations(site: Site) -> Iterator[tuple[str, str]]:
    document = site.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method in operations:
            yield method.upper(), re.sub(r"\{version\}", "1", re.sub(r"\{\w+_id\}", "x", path))


def _ask(site: Site) -> Iterator[tuple[int, str]]:
    """Every operation once, with a body that many of them take."""
    for method, path in _operations(site):
        body = None if method in ("GET", "DELETE") else json.dumps({"model_id": "mdl_x"})
        address = path.replace("{name}", "x")
        answer = site.client.request(
            method, address, content=body, headers={"Content-Type": "application/json"}
        )
        yield answer.status_code, answer.text + str(answer.headers)


def _tells(text: str, site: Site) -> list[str]:
    told = [SECRET, "planted-words", "/planted/", "Traceback", 'File "', ".py"]
    told += [str(site.settings.data_dir), str(Path(__file__).parents[3]), "site-packages"]
    return [word for word in told if word in text]


@pytest.mark.parametrize("way", BREAKS)
def test_nothing_leaks(
    leaky: Site, way: str, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise BREAKS[way]

    monkeypatch.setattr(Database, "read", broken)
    monkeypatch.setattr(Database, "write", broken)
    monkeypatch.setattr(Database, "ping", broken)
    statuses = []
    for status, answer in _ask(leaky):
        statuses.append(status)
        assert _tells(answer, leaky) == []
    expected = 503 if way == "database" else 500
    assert statuses.count(expected) > 15, statuses
    logged = log.getvalue()
    assert ("database_unavailable" if way == "database" else "unexpected_error") in logged
    assert _tells(logged, leaky) == []


def test_an_exception_after_the_answer_began(
    leaky: Site, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    """uvicorn logs that one."""

    async def broken(self: object, scope: object, receive: object, send) -> None:  # type: ignore[no-untyped-def]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(f"{WORDS} {SECRET}")

    monkeypatch.setattr("service.http.bodies.BodyLimit.__call__", broken)
    with pytest.raises(Exception, match="(?i)disconnected|peer closed|incomplete"):
        leaky.client.get("/v1/uploads")
    assert "RuntimeError" in log.getvalue()
    assert _tells(log.getvalue(), leaky) == []
