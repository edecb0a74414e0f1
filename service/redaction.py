"""What no log line may hold: secrets, stack traces, and where things lie on this machine."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from structlog.types import EventDict

from service.access.tokens import without_secrets
from service.settings import Settings

MAX_FRAMES = 20
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_SOURCES = Path(__file__).resolve().parents[1]


class Redaction:
    """Takes secrets of the settings, credentials in URLs, API keys and the roots of paths out of
    every text of an event, however deep it lies."""

    def __init__(self, settings: Settings) -> None:
        self._replaced = [(secret, "***") for secret in _secrets(settings)]
        roots = {
            str(settings.data_dir.resolve()): "<data>",
            sys.prefix: "<python>",
            sys.base_prefix: "<python>",
            str(_SOURCES): "<code>",
        }
        # the longest first, since one may lie in another
        self._replaced += sorted(roots.items(), key=lambda root: -len(root[0]))

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:  # noqa: ANN401
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, str):
            for found, instead in self._replaced:
                value = value.replace(found, instead)
            return _CREDENTIALS.sub("***@", without_secrets(value))
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value]
        if isinstance(value, dict):
            return {self._clean(key): self._clean(item) for key, item in value.items()}
        return value


def _secrets(settings: Settings) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()
    for url in filter(None, (settings.database_url, settings.broker_url)):
        if password := _password(url):
            yield password


def _password(url: str) -> str | None:
    from sqlalchemy.engine import make_url  # which nobody else loads where there is no such URL
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).password or None
    except ArgumentError:
        return None


def without_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:  # noqa: ANN401
    """An exception as its type and where it came from, ``module:function:line``, outermost first.
    Its message is left out: it may quote what somebody sent, a row, or an address."""
    found = event.pop("exc_info", None)
    error = _exception(found)
    if error is not None:
        event["exception"] = _names(error)
        event["where"] = _frames(error)
    return event


def _exception(found: Any) -> BaseException | None:  # noqa: ANN401 - whatever a logger was given
    if isinstance(found, BaseException):
        return found
    if isinstance(found, tuple):
        return found[1] if isinstance(found[1], BaseException) else None
    return sys.exc_info()[1] if found else None


def _names(error: BaseException) -> str:
    """``OperationalError from TimeoutError``"""
    names: list[str] = []
    current: BaseException | None = error
    while current is not None and len(names) < MAX_FRAMES:
        names.append(type(current).__name__)
        current = current.__cause__
    return " from ".join(names)


def _frames(error: BaseException) -> list[str]:
    frames = [
        f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_name}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return frames[-MAX_FRAMES:]
