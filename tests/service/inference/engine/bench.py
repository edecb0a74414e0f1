"""A scheduler with models that are none, and requests that note what came of them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch

from polarizer.description import InputSpec
from service.inference.engine.memory import Memory
from service.inference.engine.requests import Logits, Piece, Request
from service.inference.engine.scheduling import Batch, Room, Scheduler
from service.inference.messages import Cause, Last, Network, Predict

SPEC = InputSpec(channels=1, height=4, width=4, mean=(0.5,), std=(0.5,))
MOST_ROWS = 64


class FakeModel:
    """Stands for a model: the scheduler only hands it out."""

    def __init__(self, name: str, nbytes: int, most_rows: int) -> None:
        self.name = name
        self.nbytes = nbytes
        self.most_rows = most_rows


class Models:
    """Loads fake models, each only when its gate is open, and counts those in memory."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.left: list[tuple[str, bool]] = []
        self.nbytes: dict[str, int] = {}
        self.most_rows = MOST_ROWS
        self.gates: dict[str, threading.Event] = {}
        self.broken: set[str] = set()
        self.alive: weakref.WeakSet[FakeModel] = weakref.WeakSet()
        self.most_alive = 0

    def load(self, network: Network) -> Any:
        model = network.model
        if gate := self.gates.get(model):
            assert gate.wait(10)
        if model in self.broken:
            raise ValueError(f"{model} is broken")
        fake = FakeModel(model, self.nbytes.get(model, 0), self.most_rows)
        self.loaded.append(model)
        self.alive.add(fake)
        self.most_alive = max(self.most_alive, len(self.alive))
        return fake


class Bench:
    """A scheduler, its models, and requests that note their outcome."""

    def __init__(self, max_models: int = 2, *, nbytes: int = 1000) -> None:
        self.models = Models()
        self.scheduler = Scheduler[Any](
            self.models.load,
            self._blame,
            Room(max_models, nbytes),
            lambda *left: self.models.left.append(left),
        )
        self.memory = Memory(-1, 1 << 16)
        self.outcomes: dict[int, Last] = {}
        self.blamed = threading.Semaphore(0)

    def _blame(self, error: Exception, requests: Iterable[Request]) -> None:
        for request in requests:
            request.fail(Cause.MODEL, str(error))
            self.blamed.release()

    def request(
        self, model: str, images: int = 1, number: int = 0, *, seconds: float = 1000
    ) -> Request:
        question = Predict.model_construct(
            id=number,
            network=Network.model_construct(model=model, file=f"/{model}"),
            input=SPEC,
            classes=1,
            seconds=seconds,
            begin=0,
            answer=0,
            sizes=(1,) * images,
        )
        return Request(
            question, self.memory, lambda message: self.outcomes.update({message.id: message})
        )

    def put(self, request: Request, *, size: int = 4) -> Request:
        for image in range(len(request.question.sizes)):
            pixels = torch.zeros((1, 1, size, size), dtype=torch.uint8)
            self.scheduler.put(Piece(request, image, pixels, is_ours=True))
        return request

    def put_together(self, request: Request) -> Request:
        """All rows in one piece, as tensors come."""
        pixels = torch.zeros((request.question.rows, 1, 4, 4), dtype=torch.uint8)
        self.scheduler.put(Piece(request, 0, pixels))
        return request

    def compute(self, batch: Batch[Any] | None = None) -> list[Piece]:
        """Answers a batch, the next one unless one is given; returns a piece for every row."""
        batch = batch or self.scheduler.take()
        assert {piece.key for piece in batch.pieces} == {batch.served.name}
        for piece in batch.pieces:
            piece.request.answer(piece.start, Logits(torch.zeros(piece.rows, 1)).encoded())
            piece.request.let_go()
        self.scheduler.done(batch)
        return [piece for piece in batch.pieces for _ in range(piece.rows)]


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread
