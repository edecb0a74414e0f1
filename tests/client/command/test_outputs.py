"""Files for the next step of a pipeline."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from client import ConfigurationError, InputError, Polarizer, Retries
from client.command.outputs import keep_results, write_file, write_values
from client.command.screen import Screen
from client.records import Defense
from tests.client.flows.test_downloading import ABOUT, WHOLE
from tests.client.test_retries import DEFENSE
from tests.client.wobbly import Say, wobbly

REPORT = Say(body=b'{"schema_version": 1}')
PAGE = Say(body=b"<html>", headers={"content-type": "text/html; charset=utf-8"})
VALUES = {"passed": True, "model_id": "mdl_1", "won_back": None, "words": "a\nb"}


@pytest.mark.parametrize(
    ("page", "kept"),
    [(PAGE, True), (REPORT, False), (Say(500), False), (Say(406), False)],
    ids=["page", "json", "broken", "refused"],
)
def test_the_page_is_an_extra(tmp_path: Path, page: Say, kept: bool) -> None:
    ended = {"status": "succeeded", "model_id": "mdl_1", "has_report": True}
    defense = Defense.model_validate(json.loads(DEFENSE) | ended)
    consoles = [Console(file=io.StringIO()) for _ in range(2)]
    screen = Screen(*consoles, as_json=False, draws=False, asks=False)
    with wobbly(ABOUT, WHOLE, REPORT, page) as server:
        with Polarizer(server.url, retries=Retries(attempts=1)) as service:
            found = keep_results(service, screen, defense, tmp_path / "out")
        assert server.asked[-1].headers["accept"] == "text/html"
    assert ("report_html" in found, (tmp_path / "out" / "report.html").exists()) == (kept, kept)
    digest = hashlib.sha256((tmp_path / "out" / "model.safetensors").read_bytes()).hexdigest()
    assert json.loads(ABOUT.body)["sha256"] == digest


def test_values_as_files_and_lines(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text("before=1\n")
    write_values(VALUES, [f"passed={tmp_path / 'deep' / 'passed'}"], lines)
    assert (tmp_path / "deep" / "passed").read_text() == "true"
    assert lines.read_text() == "before=1\npassed=true\nmodel_id=mdl_1\nwon_back=\nwords=a b\n"


@pytest.mark.parametrize("pair", ["passed", "passed=", "nothing=/x"])
def test_a_value_that_there_is_not(pair: str) -> None:
    with pytest.raises(ConfigurationError, match="passed, model_id"):
        write_values(VALUES, [pair], None)


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        write_file(tmp_path / "file" / "x", b"")
