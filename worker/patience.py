"""Waiting for a database or an object store that is away for a moment."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

import structlog

from service.database import DATABASE_ERRORS
from service.errors import LostBlobError, UnavailableError

log = structlog.get_logger()

AWAY = (*DATABASE_ERRORS, UnavailableError, OSError)
"""What may be better in a moment: database, object store, a full disk. Not LostBlobError."""

PAUSES: tuple[float, ...] = (0.5, 1, 2, 4, 8, 15, 15, 15)
"""Seconds between tries, a minute in all; each more or less, so that what was waiting does not come
back at once."""

AT_THE_END = 36
"""How many more of the last pause (nine minutes) when a job's work is done and only its result is
to be written: hours may have gone into it."""

JITTER = 0.25
_chance = Random()  # noqa: S311 - no secret

Result = TypeVar("Result")


def patiently(
    action: Callable[[], Result], *, pause: Callable[[float], None], more: int = 0
) -> Result:
    """The result of ``action``, tried again after each of ``PAUSES``, and ``more`` times after the
    last of them, while something is away.

    Raises what the last try raised; LostBlobError and other errors at once.
    """
    for seconds in (*PAUSES, *PAUSES[-1:] * more):
        try:
            return action()
        except LostBlobError:
            raise
        except AWAY as error:
            log.warning("tried_again", error=type(error).__name__, seconds=seconds)
            pause(seconds * _chance.uniform(1 - JITTER, 1 + JITTER))
    return action()
