"""A short run over every parser; and the fuzzer finds what is there to be found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.files import Fuzzer, bounded
from tests.fuzz.mutators import mixed
from tests.fuzz.mutators.texts import json_text
from tests.fuzz.targets import TARGETS, Target

FILES = 1500
SEED = 20261123


def test_every_file_is_read_or_refused_by_name(tmp_path: Path) -> None:
    fuzzer = Fuzzer(TARGETS, tmp_path, SEED)
    with bounded():
        summary = fuzzer.run(FILES)
    assert [(found.target, found.error, found.where) for found in summary.findings] == []
    assert set(summary.files) == set(TARGETS)
    assert all(summary.accepted[name] for name in TARGETS), "a seed is not valid any more"
    assert sum(summary.answers.values()) > 150, "files do not get past the first check"


def _parser(break_at: Callable[[object], None]) -> Target:
    def read(content: bytes, _path: Path) -> None:
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            raise KeyError("no JSON") from None
        break_at(found)

    return Target(lambda: [b'{"a": {"b": [1, 2]}}'], mixed(json_text), read, (KeyError,))


def _assumes(found: object) -> None:
    if isinstance(found, dict) and "a" in found:
        found["a"].items()


def _hangs(found: object) -> None:
    while isinstance(found, dict) and not found:
        pass


def _takes_all(found: object) -> None:
    if isinstance(found, dict) and not isinstance(found.get("a"), dict):
        bytearray(2**40)


@pytest.mark.parametrize(
    ("break_at", "error"),
    [(_assumes, "AttributeError"), (_hangs, "HangError"), (_takes_all, "MemoryError")],
    ids=["assumes", "hangs", "takes all memory"],
)
def test_a_parser_that_breaks_is_found(
    tmp_path: Path,
    break_at: Callable[[object], None],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.fuzz.files.timed.__wrapped__.__defaults__", (0.1,))
    fuzzer = Fuzzer({"broken": _parser(break_at)}, tmp_path, SEED)
    with bounded():
        found = fuzzer.run(400).findings
    assert [finding.error.partition(":")[0] for finding in found] == [error]


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    def files() -> list[bytes]:
        seen: list[bytes] = []
        target = Target(
            lambda: [b'{"a": 1}'], mixed(json_text), lambda content, _: seen.append(content), ()
        )
        Fuzzer({"any": target}, tmp_path, SEED).run(200)
        return seen

    assert files() == files()
