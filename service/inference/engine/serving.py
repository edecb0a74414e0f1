"""The engine's threads: one reads the socket, some decode, one puts batches together, one computes,
one writes to the socket, one loads each model.

Whatever a request or a model causes is that request's failure. Whatever else goes wrong ends the
process, and the web process starts a new one.
"""

from __future__ import annotations

import itertools
import os
import queue
import socket
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

import torch
from pydantic import BaseModel
from torch import Tensor

from polarizer.errors import DatasetImagesError, ModelValueError
from service.inference import frames
from service.inference.engine.assembling import assemble, placed
from service.inference.engine.blame import blame, blaming
from service.inference.engine.decoding import decode
from service.inference.engine.loading import loader
from service.inference.engine.memory import Memory
from service.inference.engine.requests import Logits, Piece, Request
from service.inference.engine.scheduling import Batch, Room, Scheduler
from service.inference.engine.served import ServedModel
from service.inference.engine.steps import Computing
from service.inference.engine.tidying import Tidier
from service.inference.messages import (
    TO_ENGINE,
    Cancel,
    Computed,
    Evicted,
    Forget,
    Infer,
    Last,
    Predict,
    Question,
    Ready,
    Said,
    Traced,
)

DECODERS = min(4, os.cpu_count() or 1)

Encoded = tuple[Request, int, int, int]
"""an image of a request: which, where it begins, its size"""
Assembled = tuple[Batch[ServedModel], Tensor, float]
"""and when it was begun, seconds since 1970"""


class Engine:
    """Answers what comes over the socket until its other end is closed."""

    def __init__(
        self,
        connection: socket.socket,
        memory: Memory,
        device: torch.device,
        room: Room,
        backends: Collection[str] = (),
    ) -> None:
        self._connection = connection
        self._memory = memory
        self._device = device
        self._tidier = Tidier()
        self._scheduler = Scheduler(loader(device, self._send, backends), blame, room, self._left)
        self._encoded: queue.SimpleQueue[Encoded] = queue.SimpleQueue()
        self._assembled: queue.SimpleQueue[Assembled] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[BaseModel] = queue.SimpleQueue()
        self._requests: dict[int, Request] = {}
        self._numbers = itertools.count(1)  # of batches

    def say(self, said: Said) -> None:
        """A line for the web process's log."""
        self._send(said)

    def serve(self) -> None:
        """Returns at the end of the socket."""
        for work in (self._assemble, self._compute, self._write, *[self._decode] * DECODERS):
            threading.Thread(target=work, daemon=True).start()
        self._send(Ready(device=str(self._device)))
        splitter = frames.Splitter()
        while data := self._read():
            rows: list[Piece] = []
            for text in splitter.feed(data):
                self._obey(TO_ENGINE.validate_json(text), rows)
            if rows:  # at once, so that they become one batch
                self._scheduler.put(*rows)

    def _read(self) -> bytes:
        """Nothing at the end."""
        try:
            return self._connection.recv(frames.AT_ONCE)
        except ConnectionError:
            return b""

    def _obey(self, message: Predict | Infer | Cancel | Forget, rows: list[Piece]) -> None:
        """Rows that need no decoding are added to ``rows``, for the scheduler."""
        match message:
            case Predict():
                request = self._accept(message)
                ends = itertools.accumulate(message.sizes)
                for image, (size, end) in enumerate(zip(message.sizes, ends, strict=True)):
                    self._encoded.put((request, image, end - size, size))
            case Infer():
                request = self._accept(message)
                rows.append(Piece(request, 0, request.rows()))
            case Cancel():
                if request_ := self._requests.get(message.id):
                    self._scheduler.drop(request_)
            case Forget():
                self._scheduler.forget(message.model)

    def _accept(self, question: Question) -> Request:
        request = self._requests[question.id] = Request(question, self._memory, self._finish)
        return request

    # In threads of their own

    def _decode(self) -> None:
        while True:
            request, image, begin, size = self._encoded.get()
            if request.hold():
                with blaming([request], image):
                    began = time.time()
                    pixels = decode(request.encoded(begin, size), request.question.input)
                    if request.steps is not None:
                        request.steps.decoded(began)
                    self._scheduler.put(Piece(request, image, pixels[None], is_ours=True))
                request.let_go()
            del request

    def _assemble(self) -> None:
        while True:
            batch = self._scheduler.take()
            began = time.time()
            try:
                self._assembled.put((batch, assemble(batch.pieces), began))
            except (RuntimeError, MemoryError) as error:  # no memory left, in all likelihood
                blame(error, {piece.request for piece in batch.pieces})
                self._let_go(batch)
            del batch

    def _compute(self) -> None:
        while True:
            batch, pixels, began = self._assembled.get()
            with blaming({piece.request for piece in batch.pieces}):
                found = self._computed(batch, pixels, began)
                _answer(batch.pieces, found)
            self._let_go(batch)
            del batch, pixels  # so that a model that leaves is freed

    def _computed(self, batch: Batch[ServedModel], pixels: Tensor, began: float) -> Logits:
        classes = batch.pieces[0].request.question.classes
        if not batch.rows:
            return Logits(torch.empty(0, classes), torch.empty(0, classes), torch.empty(0))
        for piece in batch.pieces:
            piece.request.begin()
        started = time.monotonic()
        found = batch.served.compute(pixels)
        if found.logits.shape[1] != classes:
            raise ModelValueError("the network does not have the classes of its description")
        alarms = 0 if found.flagged is None else int(found.flagged.sum())
        model = batch.key.partition("+")[0]
        seconds = time.monotonic() - started
        self._send(Computed(model=model, rows=batch.rows, seconds=seconds, alarms=alarms))
        self._trace(batch, began, seconds)
        return found

    def _trace(self, batch: Batch[ServedModel], began: float, seconds: float) -> None:
        """To those of its requests that are traced; ``seconds`` are the model's."""
        number = next(self._numbers)
        traced = {piece.request.steps for piece in batch.pieces if piece.request.steps}
        if traced:
            now, backend = time.time(), batch.served.backend.name
            computing = Computing(number, batch.rows, backend, began, now - seconds, now)
            for steps in traced:
                steps.computed(computing)

    def _let_go(self, batch: Batch[ServedModel]) -> None:
        self._scheduler.done(batch)
        for piece in batch.pieces:
            piece.request.let_go()

    def _write(self) -> None:
        while True:
            messages = [self._outbox.get()]
            with suppress(queue.Empty):
                while True:
                    messages.append(self._outbox.get_nowait())
            with suppress(ConnectionError):  # whoever reads the socket sees its end
                self._connection.sendall(b"".join(map(frames.encode, messages)))

    # Sending

    def _finish(self, message: Last) -> None:
        request = self._requests.pop(message.id, None)
        if request is not None and request.steps is not None:
            self._send(Traced(id=message.id, steps=request.steps.told()))
        self._send(message)

    def _left(self, key: str, made_room: bool) -> None:
        if made_room:
            self._send(Evicted(model=key.partition("+")[0]))
        self._tidier.ask()

    def _send(self, message: BaseModel) -> None:
        self._outbox.put(message)


def _answer(pieces: Sequence[Piece], found: Logits) -> None:
    """Writes every piece's part; a row that is no number fails its own request only."""
    encoded, is_finite = found.encoded(), found.is_finite()
    for piece, begin, end in placed(pieces):
        if is_finite or found.is_finite(begin, end):
            piece.request.answer(piece.start, encoded.part(begin, end))
        else:
            _refuse(piece)


def _refuse(piece: Piece) -> None:
    """Something of it is no number."""
    of_rows = piece.pixels.flatten(1).isfinite().all(1)
    row = int(of_rows.to(torch.uint8).argmin())
    with blaming([piece.request], piece.start + row):
        if not of_rows[row]:
            raise DatasetImagesError("a pixel is NaN or infinite")
        raise ModelValueError("the network answers with numbers that are not finite")
