"""What an exception says to those whose request caused it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from polarizer.errors import DataError, PolarizerError
from service.inference.engine.loading import DamagedFileError
from service.inference.engine.requests import Request
from service.inference.messages import Cause

log = logging.getLogger(__name__)


@contextmanager
def blaming(requests: Iterable[Request], image: int | None = None) -> Iterator[None]:
    """Whatever the block raises fails these requests, and nothing else."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - hostile images and models; one fails, others go on
        blame(error, requests, image)


def blame(error: Exception, requests: Iterable[Request], image: int | None = None) -> None:
    """Fails the requests, with a message that names the cause."""
    cause, message = _explain(error)
    for request in requests:
        request.fail(cause, message, image if cause is Cause.IMAGE else None)


def _explain(error: Exception) -> tuple[Cause, str]:
    match error:
        case DamagedFileError():
            return Cause.FILE, str(error)
        case DataError():
            return Cause.IMAGE, str(error)
        case PolarizerError():
            return Cause.MODEL, str(error)
    log.error("unexpected", exc_info=error)
    return Cause.ENGINE, f"the model fails on this ({type(error).__name__})"
