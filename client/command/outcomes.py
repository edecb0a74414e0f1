"""Exit codes that a pipeline can branch on.

0 passed, 1 a gate failed or the repair came to nothing, 2 usage or configuration, 3 the input was
rejected, 4 infrastructure: the same may work later, 130 interrupted.
"""

from __future__ import annotations

from enum import IntEnum

from client.errors import (
    AnswerError,
    BusyError,
    ClientError,
    ConfigurationError,
    DefenseEndedError,
    DigestError,
    ForbiddenError,
    InputError,
    ProblemError,
    RejectedError,
    ServiceError,
    UnauthorisedError,
    UnreachableError,
)


class Exit(IntEnum):
    PASSED = 0
    FAILED = 1
    USAGE = 2
    REJECTED = 3
    INFRASTRUCTURE = 4
    INTERRUPTED = 130


_NO_RESULT = frozenset({"diverged"})
_REJECTED_PREFIXES = ("model-", "checkpoint-", "architecture-", "dataset-", "config-", "digest-")
_REJECTED = frozenset({"source-missing", "source-refused", "source-too-large", "sandbox-violation"})

_KINDS: tuple[tuple[type[ClientError], Exit], ...] = (
    (ConfigurationError, Exit.USAGE),
    (UnauthorisedError, Exit.USAGE),
    (ForbiddenError, Exit.USAGE),
    (InputError, Exit.REJECTED),
    (DigestError, Exit.REJECTED),
    (RejectedError, Exit.REJECTED),
    (BusyError, Exit.INFRASTRUCTURE),
    (ServiceError, Exit.INFRASTRUCTURE),
    (UnreachableError, Exit.INFRASTRUCTURE),
    (AnswerError, Exit.INFRASTRUCTURE),
    (ProblemError, Exit.REJECTED),  # 409: not in this state
)


def exit_of(error: ClientError) -> Exit:
    """The exit code of a failed command."""
    if isinstance(error, DefenseEndedError):
        return exit_of_code(error.code)
    return next((code for kind, code in _KINDS if isinstance(error, kind)), Exit.INFRASTRUCTURE)


def exit_of_code(code: str | None) -> Exit:
    """The exit code for the ``code`` of a failed defense; None is a cancelled one."""
    if code is None or code in _NO_RESULT:
        return Exit.FAILED
    if code in _REJECTED or code.startswith(_REJECTED_PREFIXES):
        return Exit.REJECTED
    return Exit.INFRASTRUCTURE


def hint_of(error: ClientError) -> str | None:
    """What to do about it, where the message does not say so already."""
    match error:
        case UnauthorisedError():
            return "give a key: --api-key, POLARIZER_API_KEY, or api_key in the configuration file"
        case ForbiddenError():
            return "the key lacks the scope for this; `polarizer keys list` shows scopes"
        case BusyError() | ServiceError() | UnreachableError():
            return "the same command may work later"
        case _:
            return None
