"""Logs: one renderer for structlog and the standard library, and no credentials."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
import structlog

from service.logging import configure_logging
from service.settings import Settings

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def configured() -> Iterator[Callable[[Literal["json", "console"]], None]]:
    """Configures logging; puts pytest's back afterwards."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()

    def configure(log_format: Literal["json", "console"]) -> None:
        configure_logging(Settings(log_format=log_format))

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
def test_credentials_are_taken_out(configured, capsys, log_format) -> None:
    configured(log_format)
    url = "redis://user:hush@host:6379/0"
    try:
        raise ValueError(f"cannot reach {url}")
    except ValueError:
        structlog.get_logger().exception("broken", url=url)
    logging.getLogger("kombu").error("cannot reach %s", url)
    text = capsys.readouterr().err
    assert "hush" not in text
    assert text.count("***@host:6379/0") >= 3
    assert "Traceback" in text
