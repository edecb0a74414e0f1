"""The command in a real terminal: what is drawn, and what Ctrl-C does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from client import Polarizer
from client.records import Defense, Status
from tests.client.command.conftest import ROOT, heed_interrupts, terminal
from tests.client.conftest import Files
from tests.worker import samples

LONG = {"method": "stage", "steps": 20_000, "check_every": 0, "batch_size": 32}
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def started(url: str) -> Iterator[list[str]]:
    """Defenses that run, as far as no test has cancelled them."""
    started: list[str] = []
    yield started
    with Polarizer(url) as service:
        for defense in started:
            service.defenses.cancel(defense)
            service.defenses.wait(defense)


@pytest.fixture
def running(service: Polarizer, files: Files, started: list[str]) -> Defense:
    """A defense that is in the middle of its work: the one of the test before, if it still is."""
    for before in started:
        if (defense := service.defenses.get(before)).status is Status.RUNNING:
            return defense
    defense = service.defenses.defend(
        model=files.model,
        clean=files.clean,
        description=samples.DESCRIPTION.model_dump(mode="json"),
        config=LONG,
    )
    started.append(defense.id)
    for event in service.defenses.follow(defense.id):
        if event.type == "progress":
            break
    return defense


def test_progress_is_drawn_and_ctrl_c_asks(url: str, service: Polarizer, running: Defense) -> None:
    with terminal("watch", running.id, POLARIZER_URL=url) as screen:
        screen.wait_for("loss")
        screen.type("\x03")
        screen.wait_for("Cancel the defense too?")
        screen.type("n\n")
        assert screen.wait() == 130
    plain = ESCAPE.sub("", screen.text)
    assert "purifying" in plain
    assert re.search(r"step \d+ of 20000", plain)
    assert re.search(r"\d+:\d\d left", plain)
    assert f"polarizer watch {running.id}" in plain
    assert service.defenses.get(running.id).status is Status.RUNNING


def test_without_a_terminal_it_says_how_to_go_on(
    url: str, service: Polarizer, running: Defense
) -> None:
    done, stdout, stderr = interrupted(url, signal.SIGINT, "watch", running.id)
    assert (done, stdout) == (130, "")
    assert f"polarizer cancel {running.id}" in stderr
    assert "\x1b" not in stderr
    assert "Cancel the defense" not in stderr
    assert service.defenses.get(running.id).status is Status.RUNNING


def test_yes_cancels(url: str, service: Polarizer, running: Defense) -> None:
    with terminal("watch", running.id, POLARIZER_URL=url) as screen:
        screen.wait_for("loss")
        screen.type("\x03")
        screen.wait_for("Cancel the defense too?")
        screen.type("y\n")
        assert screen.wait() == 130
    assert "is being cancelled" in screen.text
    assert service.defenses.wait(running.id).status is Status.CANCELLED


def test_a_stopped_step_can_cancel(url: str, service: Polarizer, running: Defense) -> None:
    done, _, stderr = interrupted(
        url, signal.SIGTERM, "watch", running.id, "--on-interrupt", "cancel"
    )
    assert done == 130
    assert "is being cancelled" in stderr
    assert service.defenses.wait(running.id).status is Status.CANCELLED


def interrupted(url: str, number: signal.Signals, *arguments: str) -> tuple[int, str, str]:
    """Sends a signal once the command tells of progress; exit code and what it wrote."""
    process = subprocess.Popen(
        [sys.executable, "-m", "client", *arguments],
        cwd=ROOT,
        env=os.environ | {"POLARIZER_URL": url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    assert process.stderr
    seen = ""
    while "loss" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, seen + stderr


@pytest.mark.parametrize("how", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["no-color", "dumb"])
def test_no_control_codes_where_they_are_not_wanted(
    url: str, defended: Defense, how: dict[str, str]
) -> None:
    with terminal("watch", defended.id, POLARIZER_URL=url, **how) as screen:
        assert screen.wait() == 0
    assert "\x1b" not in screen.text
    assert "accuracy after: " in screen.text


def test_json_in_a_terminal_is_json(url: str, defended: Defense) -> None:
    with terminal("status", defended.id, "--json", POLARIZER_URL=url) as screen:
        assert screen.wait() == 0
    assert json.loads(screen.text)["data"]["id"] == defended.id


def test_what_the_service_says_cannot_steer_the_terminal(
    url: str, service: Polarizer, files: Files
) -> None:
    upload = service.uploads.create(files.image, filename="a\x1b[2J\x07b", reuse=False)
    with terminal("uploads", POLARIZER_URL=url, NO_COLOR="1") as screen:
        assert screen.wait() == 0
    assert upload.id in screen.text
    assert "\x1b" not in screen.text
    assert "\x07" not in screen.text
    service.uploads.delete(upload.id)
