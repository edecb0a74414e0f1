"""Logs: one renderer for structlog and the standard library, and no credentials."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog

from service.logging import configure_logging
from service.settings import Settings

Configure = Callable[..., None]


@pytest.fixture
def configured() -> Iterator[Configure]:
    """Configures logging; puts pytest's back afterwards."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()

    def configure(log_format: Literal["json", "console"], **settings: Any) -> None:
        configure_logging(Settings(log_format=log_format, **settings))

    yield configure
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**before)


def test_events_are_objects_with_what_is_bound(configured, capsys) -> None:
    configured("json")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("here").info("something_happened", count=3)
        logging.getLogger("elsewhere").warning("it %s", "rains")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["count"], first["level"]) == ("something_happened", 3, "info")
    assert (second["event"], second["logger"], second["level"]) == (
        "it rains",
        "elsewhere",
        "warning",
    )
    assert first["request_id"] == second["request_id"] == "r1"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_credentials_are_taken_out(configured: Configure, capsys, log_format) -> None:
    configured(log_format, log_level="DEBUG")
    url = "redis://user:hush@host:6379/0"
    try:
        raise ValueError(f"cannot reach {url}")
    except ValueError:
        structlog.get_logger().exception("broken", url=url, tried=[{"url": url}])
    logging.getLogger("kombu").error("cannot reach %s", url)
    text = capsys.readouterr().err
    assert "hush" not in text
    assert text.count("***@host:6379/0") >= 4
    assert "Traceback" in text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_of_the_settings_and_places_on_disk_are_taken_out(
    configured: Configure, capsys, log_format, tmp_path: Path
) -> None:
    configured(
        log_format,
        data_dir=tmp_path,
        s3_access_key_id="me",
        s3_secret_access_key="hush-1",
        database_url="postgresql+psycopg://me:hush-2@host/name",
        broker_url="redis://:hush-3@host/0",
    )
    told = f"hush-1 hush-2 hush-3 {tmp_path}/spool/x {sys.prefix}/lib {Path(__file__).parents[2]}/x"
    structlog.get_logger().warning("told", detail=told, more={"deep": (told,)})
    logging.getLogger("elsewhere").warning("%s", told)
    text = capsys.readouterr().err
    assert "hush" not in text
    assert str(tmp_path) not in text
    assert text.count("*** *** *** <data>/spool/x <python>/lib <code>/x") == 3


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "logger", [structlog.get_logger(), logging.getLogger("elsewhere")], ids=["ours", "theirs"]
)
def test_an_exception_is_told_without_words_or_paths(
    configured: Configure, capsys, log_format, logger
) -> None:
    configured(log_format)
    try:
        try:
            raise FileNotFoundError("/etc/planted")
        except OSError as error:
            raise ValueError("planted words") from error
    except ValueError:
        logger.exception("broken")
    text = capsys.readouterr().err
    assert "ValueError from FileNotFoundError" in text
    assert "test_logging:test_an_exception_is_told_without_words_or_paths:" in text
    assert "planted" not in text
    assert "Traceback" not in text
    assert ".py" not in text
