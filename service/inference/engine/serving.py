"""The engine's threads: one reads the socket, some decode, one computes, one loads each model.

Whatever a request or a model causes is that request's failure. Whatever else goes wrong ends the
process, and the web process starts a new one.
"""

from __future__ import annotations

import itertools
import os
import queue
import socket
import threading
from contextlib import suppress

import torch
from pydantic import BaseModel

from service.inference import frames
from service.inference.engine.blame import blame, blaming
from service.inference.engine.computing import compute
from service.inference.engine.decoding import read_row
from service.inference.engine.loading import loader
from service.inference.engine.requests import Request, Row
from service.inference.engine.scheduling import Batch, Scheduler
from service.inference.messages import (
    TO_ENGINE,
    Answer,
    Cancel,
    Failure,
    Forget,
    Predict,
    Ready,
)

DECODERS = min(4, os.cpu_count() or 1)

Encoded = tuple[Request, int, bytes]


class Engine:
    """Answers what comes over the socket until its other end is closed."""

    def __init__(self, connection: socket.socket, device: torch.device, max_models: int) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._device = device
        self._scheduler = Scheduler(loader(device, self._send), blame, max_models)
        self._encoded: queue.SimpleQueue[Encoded] = queue.SimpleQueue()
        self._requests: dict[int, Request] = {}

    def serve(self) -> None:
        """Returns at the end of the socket."""
        for work in (self._compute, *[self._decode] * DECODERS):
            threading.Thread(target=work, daemon=True).start()
        self._send(Ready(device=str(self._device)))
        with self._connection.makefile("rb") as stream:
            while (frame := frames.read(stream)) is not None:
                self._obey(TO_ENGINE.validate_json(frame[0]), frame[1])

    def _obey(self, message: Predict | Cancel | Forget, payload: bytes) -> None:
        match message:
            case Predict():
                self._accept(message, payload)
            case Cancel():
                if request := self._requests.pop(message.id, None):
                    self._scheduler.drop(request)
            case Forget():
                self._scheduler.forget(message.model)

    def _accept(self, question: Predict, payload: bytes) -> None:
        request = self._requests[question.id] = Request(question, self._finish)
        ends = list(itertools.accumulate(question.sizes))
        for image, (size, end) in enumerate(zip(question.sizes, ends, strict=True)):
            self._encoded.put((request, image, payload[end - size : end]))

    # In threads of their own

    def _decode(self) -> None:
        while True:
            request, image, encoded = self._encoded.get()
            if not request.is_over:
                with blaming([request], image):
                    pixels = read_row(encoded, request.question)
                    self._scheduler.put(Row(request, image, pixels))

    def _compute(self) -> None:
        while True:
            self._answer(self._scheduler.take())

    def _answer(self, batch: Batch) -> None:
        with blaming({row.request for row in batch.rows}):
            rankings = compute(batch.classifier, batch.rows, self._device)
            for row, ranking in zip(batch.rows, rankings, strict=True):
                row.request.rank(row.image, ranking)

    # Sending

    def _finish(self, message: Answer | Failure) -> None:
        self._requests.pop(message.id, None)
        self._send(message)

    def _send(self, message: BaseModel) -> None:
        with self._sending, suppress(ConnectionError):  # whoever reads the socket sees its end
            self._connection.sendall(b"".join(frames.encode(message)))
