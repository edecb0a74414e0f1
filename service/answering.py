"""PostgreSQL connections that never wait for ever.

The server ends what takes too long: a statement, a wait for a lock, and a transaction whose client
was stopped in the middle of it, which would keep its locks as long as it sleeps. A server that
is stopped or cut off cannot do that, so this side gives up too: ``BoundedConnection`` closes itself
when an answer does not come, and SQLAlchemy takes it for what it is, a lost connection.

A connection out of the pool may have been lost while it lay there. To ask the server first would
cost every transaction an exchange; the socket tells the same, unless nobody has used it for long.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import OperationalError
from sqlalchemy import Engine, create_engine, event

CONNECT_SECONDS = 5
LATER = 5.0
"""Seconds that the server has for saying itself that something took too long."""
MOST_CONNECTIONS = 15
"""Of a process; opened when they are wanted, and kept."""
FRESH = 10.0
"""Seconds for which a socket that tells nothing is believed; no router forgets it sooner."""

T = TypeVar("T")


class BoundedConnection(psycopg.Connection[Any]):
    """Raises OperationalError, and is closed, when one exchange takes ``answer_seconds``."""

    answer_seconds = 60.0
    _heard_at = -FRESH

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **more: Any) -> T:  # noqa: ANN401
        deadline = time.monotonic() + self.answer_seconds
        answer = super().wait(_until(deadline, gen, self.pgconn.finish), *args, **more)
        self._heard_at = time.monotonic()
        return answer

    def seems_well(self) -> bool:
        """Without an exchange: the server answered lately, and nothing has come since. A server
        that ends says so to its clients; of one that died, its kernel does."""
        if self.closed or time.monotonic() - self._heard_at > FRESH:
            return False
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return not poll.poll(0)


def _until(
    deadline: float, exchange: Generator[Any, Any, T], close: Callable[[], None]
) -> Generator[Any, Any, T]:
    """The same exchange, looked at whenever psycopg wakes up without an answer (ten times a
    second)."""
    try:
        wanted = next(exchange)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                close()
                raise OperationalError("the database took too long to answer")
            wanted = exchange.send(ready)
    except StopIteration as done:
        result: T = done.value
        return result


def connection_class(seconds: float) -> type[BoundedConnection]:
    """Connections that give up a little after the server should have."""
    return type("Bounded", (BoundedConnection,), {"answer_seconds": seconds + LATER})


def server_limits(seconds: float) -> str:
    """libpq's ``options``: a statement, and a client that is silent within a transaction, may take
    ``seconds``; a wait for somebody else's lock a third of it."""
    limits = {
        "statement_timeout": seconds,
        "idle_in_transaction_session_timeout": seconds,
        "lock_timeout": seconds / 3,
    }
    return " ".join(f"-c {name}={round(1000 * limit)}" for name, limit in limits.items())


def engine(url: str, answer_seconds: float | None) -> Engine:
    """``answer_seconds`` bounds what one statement may take; None: nothing is given up."""
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if answer_seconds is not None:
        arguments["options"] = server_limits(answer_seconds)
    found = create_engine(
        url,
        connect_args=arguments,
        pool_pre_ping=True,
        pool_timeout=10,
        pool_size=MOST_CONNECTIONS,
        max_overflow=0,  # these would be closed after a burst, and opened for the next one
        pool_use_lifo=True,  # what was used last is fresh, and knows its statements
    )
    if answer_seconds is not None:
        bounded = connection_class(answer_seconds)

        @event.listens_for(found, "do_connect")
        def _connect(
            _dialect: object, _record: object, given: Sequence[Any], named: dict[str, Any]
        ) -> BoundedConnection:
            return bounded.connect(*given, **named)

        ask = found.dialect.do_ping

        def ping(dbapi_connection: Any) -> bool:  # noqa: ANN401 - as SQLAlchemy has it
            return dbapi_connection.seems_well() or ask(dbapi_connection)

        found.dialect.do_ping = ping  # type: ignore[method-assign]

    return found
