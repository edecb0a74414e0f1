"""The engine in this process, over a socket: what is given up is dropped, the rest is answered."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel

from service.inference import frames
from service.inference.engine import serving
from service.inference.engine.loading import loader
from service.inference.engine.serving import Engine
from service.inference.messages import (
    FROM_ENGINE,
    Answer,
    Cancel,
    Cause,
    Failure,
    Loaded,
    Predict,
    Ready,
)
from tests.service.inference.artefacts import Artefact, encoded, make_artefact, random_images


class Line:
    """Our end of the socket of an engine whose loads wait for a gate."""

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self.gate = threading.Event()
        self._ours, theirs = socket.socketpair()
        self._stream = self._ours.makefile("rb")
        engine = Engine(theirs, torch.device("cpu"), max_models=1)
        self._thread = threading.Thread(target=engine.serve)
        self._thread.start()

    def send(self, message: BaseModel, *payload: bytes) -> None:
        self._ours.sendall(b"".join(frames.encode(message, payload)))

    def ask(self, number: int, *images: bytes) -> None:
        question = Predict(
            id=number,
            model=self.artefact.sha256,
            file=str(self.artefact.path),
            input=self.artefact.description.input,
            sizes=tuple(map(len, images)),
            top=1,
        )
        self.send(question, *images)

    def hear(self) -> BaseModel:
        frame = frames.read(self._stream)
        assert frame
        return FROM_ENGINE.validate_json(frame[0])

    def close(self) -> None:
        self.gate.set()
        self._stream.close()
        self._ours.close()
        self._thread.join(10)
        assert not self._thread.is_alive(), "the engine goes on after the end of its socket"


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    gated: list[Line] = []

    def gated_loader(device, send):
        load = loader(device, send)

        def wait_and_load(sha256: str, file: Path):
            assert gated[0].gate.wait(10)
            return load(sha256, file)

        return wait_and_load

    monkeypatch.setattr(serving, "loader", gated_loader)
    gated.append(Line(make_artefact(tmp_path, 1)))
    assert gated[0].hear() == Ready(device="cpu")
    yield gated[0]
    gated[0].close()


IMAGE = encoded(random_images(1, seed=0)[0])


def test_a_request_given_up_is_never_answered(line: Line) -> None:
    line.ask(1, IMAGE, IMAGE)
    line.send(Cancel(id=1))
    line.send(Cancel(id=99))
    line.ask(2, IMAGE)
    line.gate.set()
    assert isinstance(line.hear(), Loaded)
    answer = line.hear()
    assert isinstance(answer, Answer)
    assert (answer.id, len(answer.rankings)) == (2, 1)


def test_an_unreadable_image_fails_at_once_and_names_itself(line: Line) -> None:
    line.ask(1, IMAGE, b"noise", IMAGE)
    failure = line.hear()  # the model is still being loaded
    assert isinstance(failure, Failure)
    assert (failure.id, failure.cause, failure.image) == (1, Cause.IMAGE, 1)


def test_a_network_that_fails_fails_its_request(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret details")

    line.gate.set()
    with monkeypatch.context() as patch:
        patch.setattr(serving, "compute", fail)
        line.ask(1, IMAGE)
        assert isinstance(line.hear(), Loaded)
        failure = line.hear()
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.ENGINE
    assert "secret" not in failure.message
    assert "secret details" in caplog.text
    line.ask(2, IMAGE)
    assert isinstance(line.hear(), Answer)
