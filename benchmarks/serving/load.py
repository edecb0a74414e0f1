"""The load generator: one prepared request sent again and again over connections that stay open.

    python -m benchmarks.serving.load < plan.json

A process of its own, without torch, that reads a plan (see :class:`Plan`) and prints what it saw.
In a closed loop each client sends its next request when it has its answer. In an open loop requests
are due at random moments (a Poisson process) whether others are answered or not; the time of one
that finds no free connection runs from the moment that it was due.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

_MOST_CONNECTIONS = 256
_PATIENCE = 15.0


@dataclass(frozen=True)
class Plan:
    """``request`` is a file of bytes that are sent as they are; ``rate`` in requests a second makes
    the loop open, none makes it closed with so many ``clients``. ``expects``: a good status."""

    port: int
    request: str
    seconds: float
    warm_up: float = 1.0
    clients: int = 32
    rate: float | None = None
    seed: int = 0
    host: str = "127.0.0.1"
    expects: int = 200


@dataclass
class Seen:
    """Good answers that came within the measured seconds, and the milliseconds of each;
    ``answered`` are all good ones, ``failed`` other answers and lost connections. ``work`` counts
    the requests of a closed loop by the part of their time that lies within the measured seconds:
    of a server that answers a few large requests a second whole answers are too coarse a measure.
    """

    seconds: float
    work: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    answered: int = 0
    failed: int = 0
    first_failure: str = ""


class Client(asyncio.Protocol):
    """One connection; at most one request on it at a time."""

    def __init__(
        self,
        request: bytes,
        on_answer: Callable[[Client, int, bytes], None],
        expects: int = 200,
    ) -> None:
        self._request = request
        self._expects = expects
        self._on_answer = on_answer
        self._received = bytearray()
        self.began = 0.0
        self.busy = self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._received.clear()
        self.lost = False

    def ask(self, due: float) -> None:
        self.began, self.busy = due, True
        self._transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._received += data
        found = answer(self._received)
        if found is not None:
            status, body = found
            self._received.clear()
            self.busy = False
            if status != self._expects:  # who fails may close the connection, without a word
                self.lost = True
                self._transport.close()
            self._on_answer(self, status, body)

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True
        if self.busy:
            self.busy = False
            self._on_answer(self, 0, b"the connection was lost")

    def close(self) -> None:
        self.busy = False
        self._transport.close()


def answer(received: bytearray) -> tuple[int, bytes] | None:
    """Status and body of a whole HTTP/1.1 answer, None while a part is still to come."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, body = bytes(received[:end]).lower(), received[end + 4 :]
    status = int(head[9:12])
    if b"\r\ntransfer-encoding: chunked" in head:
        return (status, bytes(body)) if body.endswith(b"0\r\n\r\n") else None
    start = head.find(b"\r\ncontent-length:")
    length = int(head[start + 17 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
    return (status, bytes(body)) if len(body) >= length else None


class Load:
    """Runs a plan once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.seen = Seen(plan.seconds)
        self._due: deque[float] = deque()
        self._free: list[Client] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._begins = self._ends = 0.0

    async def run(self) -> Seen:
        """Raises OSError when nobody listens."""
        clients = await self._connect()
        self._begins = time.perf_counter() + self.plan.warm_up
        self._ends = self._begins + self.plan.seconds
        if self.plan.rate is None:
            for client in clients:
                client.ask(time.perf_counter())
            await asyncio.sleep(self._ends - time.perf_counter())
            await self._drained(clients)
        else:
            self._free = clients
            await self._arrivals(self.plan.rate)
        for client in clients:
            client.close()
        return self.seen

    async def _drained(self, clients: list[Client]) -> None:
        """Until all that was asked is answered, or nobody would wait any longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while any(client.busy for client in clients):
                    await asyncio.sleep(0.01)

    async def _connect(self) -> list[Client]:
        request = Path(self.plan.request).read_bytes()
        count = self.plan.clients if self.plan.rate is None else _MOST_CONNECTIONS
        clients = [Client(request, self._answered, self.plan.expects) for _ in range(count)]
        for client in clients:
            await self._open(client)
        return clients

    async def _arrivals(self, rate: float) -> None:
        """Those due within the measured time count, also where their answer comes after it."""
        chance, due = random.Random(self.plan.seed), time.perf_counter()
        while (due := due + chance.expovariate(rate)) < self._ends:
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            self._due.append(due)
            self._send_due()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(2.0, self.plan.seconds)):
                while self._due or len(self._free) < _MOST_CONNECTIONS:
                    await asyncio.sleep(0.01)
        unanswered = len(self._due) + _MOST_CONNECTIONS - len(self._free)
        if unanswered:
            self._fail(f"{unanswered} requests were never answered", unanswered)

    def _send_due(self) -> None:
        while self._due and self._free:
            self._ask(self._free.pop(), self._due.popleft())

    def _answered(self, client: Client, status: int, body: bytes) -> None:
        now = time.perf_counter()
        if self.plan.rate is None:
            counts = self._begins <= now < self._ends
        else:
            counts = self._begins <= client.began < self._ends
        good = status == self.plan.expects
        self.seen.answered += good
        if good and self.plan.rate is None:
            self.seen.work += share(client.began, now, self._begins, self._ends)
        if counts and good:
            self.seen.milliseconds.append(1000 * (now - client.began))
        elif not good:
            self._fail(f"{status} {body[:200].decode(errors='replace')}")
        if self.plan.rate is not None:
            self._free.append(client)
            self._send_due()
        elif now < self._ends:
            self._ask(client, now)

    def _ask(self, client: Client, due: float) -> None:
        """Over a new connection where the server has closed the old one."""
        if client.lost:
            self._asking.add(task := asyncio.create_task(self._ask_anew(client, due)))
            task.add_done_callback(self._asking.discard)
        else:
            client.ask(due)

    async def _ask_anew(self, client: Client, due: float) -> None:
        try:
            await self._open(client)
        except OSError as error:
            client.began = due
            self._answered(client, 0, str(error).encode())
        else:
            client.ask(due)

    async def _open(self, client: Client) -> None:
        loop, plan = asyncio.get_running_loop(), self.plan
        await loop.create_connection(lambda: client, plan.host, plan.port)

    def _fail(self, why: str, count: int = 1) -> None:
        self.seen.failed += count
        self.seen.first_failure = self.seen.first_failure or why


def share(began: float, ended: float, begins: float, ends: float) -> float:
    """The part of a request's time that lies within the measured time."""
    within = min(ended, ends) - max(began, begins)
    return max(0.0, within) / max(ended - began, 1e-9)


def main() -> None:
    """A plan from standard input; what was seen to standard output."""
    plan = Plan(**json.load(sys.stdin))
    with suppress(ImportError):  # halves what the generator costs
        import uvloop

        uvloop.install()
    print(json.dumps(asdict(asyncio.run(Load(plan).run()))))


if __name__ == "__main__":
    main()
