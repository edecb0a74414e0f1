"""Structured logs on standard error: a static event name, and keywords. No secrets."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.types import Processor

from service.redaction import Redaction, without_trace
from service.settings import Settings

_QUIET = ("uvicorn", "uvicorn.error", "uvicorn.access", "celery", "kombu", "amqp", "alembic")


def configure_logging(settings: Settings) -> None:
    """Sends structlog's and the standard library's records through the same renderer. At the level
    DEBUG exceptions come with their messages and stack traces; secrets never come."""
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
            foreign_pre_chain=shared, processors=_rendering(settings)
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in _QUIET:  # they bring handlers of their own, or say at INFO what nobody asks
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(max(logging.WARNING, root.level))


def _rendering(settings: Settings) -> list[Processor]:
    last: Processor
    if settings.log_format == "json":
        last = structlog.processors.JSONRenderer()
    else:
        plain = structlog.dev.plain_traceback  # one that shows no variables
        last = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    traced = settings.log_level == "DEBUG"
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info if traced else without_trace,
        Redaction(settings),
        last,
    ]
