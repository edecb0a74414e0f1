"""The engine's log goes to the web process, without what exceptions quote."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from service.inference.engine.blame import blame
from service.inference.engine.saying import MOST, Saying
from service.inference.messages import Said


@pytest.fixture
def said() -> Iterator[list[Said]]:
    heard: list[Said] = []
    root, handler = logging.getLogger(), Saying(heard.append)
    root.addHandler(handler)
    yield heard
    root.removeHandler(handler)


def test_an_exception_is_its_type_and_its_place(said: list[Said]) -> None:
    try:
        raise LookupError("a secret")
    except LookupError as error:
        blame(error, [])
    (line,) = said
    assert (line.level, line.source) == ("error", "service.inference.engine.blame")
    assert line.message.startswith("unexpected: LookupError in test_saying.py:")
    assert "secret" not in line.message


def test_lines_are_bounded_and_nothing_unimportant_is_said(said: list[Said]) -> None:
    log = logging.getLogger("x" * 1000)
    log.info("nothing")
    log.warning("%s", "y" * 10_000)
    (line,) = said
    assert (line.level, len(line.message), len(line.source)) == ("warning", MOST, 100)
