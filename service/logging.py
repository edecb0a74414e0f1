"""Structured logs on standard error: a static event name, and keywords. No secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.types import EventDict, Processor

from service.settings import Settings

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_QUIET = ("uvicorn", "uvicorn.error", "uvicorn.access", "celery", "kombu", "amqp", "alembic")


def configure_logging(settings: Settings) -> None:
    """Sends structlog's and the standard library's records through the same renderer."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_rendering(settings.log_format)
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in _QUIET:  # they bring handlers of their own, or say at INFO what nobody asks
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(max(logging.WARNING, root.level))


def _rendering(log_format: str) -> list[Processor]:
    last: list[Processor]
    if log_format == "json":
        last = [structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback  # one that shows no variables
        last = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        ]
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        without_credentials,
        *last,
    ]


def without_credentials(_logger: Any, _method: str, event: EventDict) -> EventDict:  # noqa: ANN401
    """Takes ``user:password@`` out of every URL, also inside tracebacks."""
    return {
        key: _CREDENTIALS.sub("***@", value) if isinstance(value, str) else value
        for key, value in event.items()
    }
