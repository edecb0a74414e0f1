"""A database's statements as spans: what is done to which table, and how long it took.

Neither the statement's text nor a parameter stands in one. The engine is listened to only where
traces are exported, and what runs outside of every trace makes no span.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, event

from service.tracing.spans import OFF, Kind, Span, Tracing, current

_NOTED = "polarizer_span"
_VERB = re.compile(r"\s*([A-Za-z]+)")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?([a-z_]+)\b")


def trace_statements(engine: Engine, tracing: Tracing) -> None:
    """From now on what the engine executes stands in the trace that it is executed in; of
    ``tracing`` that is off nothing is listened to."""
    if tracing is OFF:
        return
    system = engine.dialect.name

    @event.listens_for(engine, "before_cursor_execute")
    def _begin(
        _connection: object,
        _cursor: object,
        statement: str,
        parameters: Any,  # noqa: ANN401 - SQLAlchemy's, as all of these
        context: Any,  # noqa: ANN401
        executemany: bool,
    ) -> None:
        around = current()
        if around.recording and context is not None:
            verb, table = told(statement)
            made = around.child(f"{verb} {table}" if table else verb, kind=Kind.CLIENT)
            made.set(
                {
                    "db.system.name": system,
                    "db.operation.name": verb,
                    "db.collection.name": table,
                    "db.operation.batch.size": len(parameters) if executemany else None,
                }
            )
            setattr(context, _NOTED, made)

    @event.listens_for(engine, "after_cursor_execute")
    def _end(
        _connection: object,
        _cursor: object,
        _statement: str,
        _parameters: object,
        context: object,
        _executemany: bool,
    ) -> None:
        if (made := _noted(context)) is not None:
            made.end()

    @event.listens_for(engine, "handle_error")
    def _fail(failure: Any) -> None:  # noqa: ANN401
        if (made := _noted(failure.execution_context)) is not None:
            made.fail(type(failure.original_exception).__name__)
            made.end()


def _noted(context: object) -> Span | None:
    """The span that was begun with what is executed, once."""
    made: Span | None = vars(context).pop(_NOTED, None) if context is not None else None
    return made


@lru_cache(maxsize=1024)
def told(statement: str) -> tuple[str, str | None]:
    """The verb of a statement, and the first table that it names."""
    verb, table = _VERB.match(statement), _TABLE.search(statement)
    return verb[1].upper() if verb else "SQL", table[1] if table else None
