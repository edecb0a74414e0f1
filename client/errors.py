"""Errors of the client, as one tree.

ClientError
├── ConfigurationError      the address, the key or the configuration file cannot be used
├── InputError              a file or argument that cannot be sent as it is
├── UnreachableError        no answer: no connection, a broken one, or too slow
├── AnswerError             an answer that is not what the API promises
├── DigestError             bytes that are not those that were promised
├── DefenseEndedError       a defense failed or was cancelled; ``code`` says why
└── ProblemError            the service refused, RFC 9457; branch on ``slug``
    ├── RejectedError           400, 413, 415, 422 and other 4xx
    │   └── NotFoundError           404
    ├── UnauthorisedError       401: no key, or none that is valid
    ├── ForbiddenError          403: the key may not do this
    ├── ConflictError           409: not in this state
    ├── BusyError               429: too much at once
    └── ServiceError            5xx: the service, or something before it, is unwell
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

URN = "urn:polarizer:problem:"


class ClientError(Exception):
    """Base of everything that this package raises on purpose; the message is for people."""


class ConfigurationError(ClientError):
    """The address, the key or the configuration file cannot be used."""


class InputError(ClientError):
    """A file or argument that cannot be sent as it is."""


class UnreachableError(ClientError):
    """The service gave no answer. ``sent`` says whether it may have got the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class AnswerError(ClientError):
    """An answer that the API does not promise: another server, or another version."""


class DigestError(ClientError):
    """Bytes that are not those that were promised."""


class DefenseEndedError(ClientError):
    """A defense that was waited for came to nothing."""

    def __init__(self, defense_id: str, status: str, code: str | None, message: str) -> None:
        super().__init__(f"{defense_id} {status}: {message}")
        self.defense_id = defense_id
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Problem:
    """The body of an error, as far as it was one of ours."""

    status: int
    slug: str
    title: str
    detail: str
    request_id: str | None = None
    retry_after: float | None = None
    errors: tuple[dict[str, Any], ...] = ()


class ProblemError(ClientError):
    """The service refused."""

    statuses: ClassVar[tuple[int, ...]] = ()

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def slug(self) -> str:
        """The end of the problem's type: ``not-found``, ``source-refused``, …"""
        return self.problem.slug

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the service asks to be asked again."""
        return self.problem.retry_after


class RejectedError(ProblemError):
    """What was sent cannot be used."""


class NotFoundError(RejectedError):
    """No such thing, or not for this key."""

    statuses = (404,)


class UnauthorisedError(ProblemError):
    """No key, or none that is valid."""

    statuses = (401,)


class ForbiddenError(ProblemError):
    """The key may not do this."""

    statuses = (403,)


class ConflictError(ProblemError):
    """Not in this state."""

    statuses = (409,)


class BusyError(ProblemError):
    """Too much at once."""

    statuses = (429,)


class ServiceError(ProblemError):
    """The service, or something before it, is unwell."""


_LEAVES = (NotFoundError, UnauthorisedError, ForbiddenError, ConflictError, BusyError)


def error_of(problem: Problem) -> ProblemError:
    """The leaf for a status."""
    for kind in _LEAVES:
        if problem.status in kind.statuses:
            return kind(problem)
    return (ServiceError if problem.status >= 500 else RejectedError)(problem)
