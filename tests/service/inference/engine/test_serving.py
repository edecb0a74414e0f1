"""The engine in this process, over a socket: what is given up is dropped, the rest is answered."""

from __future__ import annotations

import mmap
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel
from torch import Tensor

from service.inference import frames
from service.inference.arena import Arena
from service.inference.engine import serving
from service.inference.engine.loading import loader
from service.inference.engine.memory import Memory
from service.inference.engine.scheduling import Room
from service.inference.engine.served import ServedModel
from service.inference.engine.serving import Engine
from service.inference.messages import (
    FROM_ENGINE,
    Answer,
    Cancel,
    Cause,
    Computed,
    Dropped,
    Failure,
    Infer,
    Loaded,
    Network,
    Notice,
    Predict,
    Ready,
    StepName,
    Traced,
)
from tests.service.inference.artefacts import (
    SIZE,
    Artefact,
    encoded,
    make_artefact,
    random_images,
)
from tests.service.inference.listening import messages


class Line:
    """Our end of the socket of an engine whose loads wait for a gate."""

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self.gate = threading.Event()
        self.notices: list[Notice] = []
        self.arena = Arena(1 << 20)
        self._ours, theirs = socket.socketpair()
        self._messages = messages(self._ours)
        memory = Memory(self.arena.descriptor, self.arena.nbytes)
        engine = Engine(theirs, memory, torch.device("cpu"), Room(1, 1 << 30), ["eager"])
        self._thread = threading.Thread(target=engine.serve)
        self._thread.start()

    def send(self, message: BaseModel) -> None:
        self._ours.sendall(frames.encode(message))

    def _question(self, number: int, data: bytes) -> dict[str, object]:
        begin, answer = number * 32768, number * 32768 + 30000
        self.arena.memory[begin : begin + len(data)] = data
        return {
            "id": number,
            "network": Network(model=self.artefact.sha256, file=str(self.artefact.path)),
            "input": self.artefact.description.input,
            "classes": 7,
            "seconds": 1000.0,
            "begin": begin,
            "answer": answer // 64 * 64,
        }

    def ask(self, number: int, *images: bytes, trace: str | None = None) -> None:
        sizes = tuple(map(len, images))
        question = self._question(number, b"".join(images))
        self.send(Predict.model_validate({**question, "sizes": sizes, "trace": trace}))

    def infer(self, number: int, pixels: Tensor) -> None:
        question = self._question(number, pixels.numpy().tobytes())
        dtype = str(pixels.dtype).removeprefix("torch.")
        self.send(Infer.model_validate({**question, "dtype": dtype, "count": len(pixels)}))

    def logits(self, number: int, rows: int) -> Tensor:
        begin = (number * 32768 + 30000) // 64 * 64
        data = bytearray(self.arena.memory[begin : begin + 4 * 7 * rows])
        return torch.frombuffer(data, dtype=torch.float32).reshape(rows, 7)

    def hear(self) -> BaseModel:
        """The next message that is about a request."""
        for text in self._messages:
            message = FROM_ENGINE.validate_json(text)
            if not isinstance(message, Loaded | Computed):
                return message
            self.notices.append(message)
        raise AssertionError("the engine has ended")

    def close(self) -> None:
        self.gate.set()
        self._ours.close()
        self._thread.join(60)
        self.arena.close_descriptor()
        assert not self._thread.is_alive(), "the engine goes on after the end of its socket"


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    gated: list[Line] = []

    def gated_loader(device, send, backends):
        load = loader(device, send, backends)

        def wait_and_load(network: Network) -> ServedModel:
            assert gated[0].gate.wait(60)
            return load(network)

        return wait_and_load

    monkeypatch.setattr(serving, "loader", gated_loader)
    gated.append(Line(make_artefact(tmp_path, 1)))
    assert gated[0].hear() == Ready(device="cpu")
    yield gated[0]
    gated[0].close()


IMAGES = random_images(3, seed=0)
IMAGE = encoded(IMAGES[0])
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def expected(line: Line, pixels: Tensor) -> Tensor:
    with torch.inference_mode():
        return line.artefact.classifier(pixels)


def test_images_and_tensors_of_both_types_get_the_same_logits(line: Line) -> None:
    line.gate.set()
    line.ask(1, *map(encoded, IMAGES))
    line.infer(2, IMAGES)
    line.infer(3, IMAGES / 255)
    for _ in range(3):
        answer = line.hear()
        assert isinstance(answer, Answer)
        torch.testing.assert_close(line.logits(answer.id, 3), expected(line, IMAGES / 255))
    computed = [notice for notice in line.notices if isinstance(notice, Computed)]
    assert sum(notice.rows for notice in computed) == 9


def test_a_request_given_up_is_never_answered(line: Line) -> None:
    line.ask(1, IMAGE, IMAGE)
    line.send(Cancel(id=1))
    line.send(Cancel(id=99))
    assert line.hear() == Dropped(id=1)
    line.ask(2, IMAGE)
    line.gate.set()
    answer = line.hear()
    assert isinstance(answer, Answer)
    assert answer.id == 2


def test_an_unreadable_image_fails_at_once_and_names_itself(line: Line) -> None:
    line.ask(1, IMAGE, b"noise", IMAGE)
    failure = line.hear()  # the model is still being loaded
    assert isinstance(failure, Failure)
    assert (failure.id, failure.cause, failure.image) == (1, Cause.IMAGE, 1)


def test_rows_that_are_no_numbers_fail_alone(line: Line) -> None:
    broken = torch.rand(2, 3, SIZE, SIZE)
    broken[1, 0, 0, 0] = float("nan")
    line.infer(1, broken)
    line.infer(2, IMAGES)
    line.gate.set()  # both are in one batch now
    heard = {message.id: message for message in (line.hear(), line.hear())}  # type: ignore[attr-defined]
    assert isinstance(heard[1], Failure)
    assert heard[1].cause is Cause.IMAGE
    assert isinstance(heard[2], Answer)
    torch.testing.assert_close(line.logits(2, 3), expected(line, IMAGES / 255))


def test_a_network_that_fails_fails_its_request(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret details")

    line.gate.set()
    with monkeypatch.context() as patch:
        patch.setattr(ServedModel, "compute", fail)
        line.ask(1, IMAGE)
        failure = line.hear()
    assert isinstance(failure, Failure)
    assert failure.cause is Cause.ENGINE
    assert "secret" not in failure.message
    assert "secret details" in caplog.text
    line.ask(2, IMAGE)
    assert isinstance(line.hear(), Answer)


def test_memory_has_an_end() -> None:
    descriptor = os.memfd_create("test") if hasattr(os, "memfd_create") else -1
    os.truncate(descriptor, mmap.PAGESIZE)
    with pytest.raises(ValueError, match="buffer"):
        Memory(descriptor, mmap.PAGESIZE).tensor(0, torch.float32, (mmap.PAGESIZE,))
    os.close(descriptor)


def test_a_traced_question_hears_its_steps_right_before_its_end(line: Line) -> None:
    line.ask(1, *map(encoded, IMAGES), trace=TRACE)
    line.gate.set()
    traced = line.hear()
    assert isinstance(traced, Traced)
    assert isinstance(line.hear(), Answer)
    named = {step.name: step for step in traced.steps}
    assert named.keys() == {*StepName}, "the model was loaded for it"
    assert named[StepName.MODEL].backend == "eager"
    assert named[StepName.BATCH].began <= named[StepName.MODEL].began
    line.ask(2, b"no image", trace=TRACE)
    assert line.hear() == Traced(id=2, steps=())
    assert isinstance(line.hear(), Failure)
    line.ask(3, IMAGE)
    assert isinstance(line.hear(), Answer), "of what is not traced nothing is told"
