"""Exit codes: facts that pipelines branch on."""

from __future__ import annotations

import pytest

from client import errors
from client.command.outcomes import Exit, exit_of, exit_of_code
from client.errors import Problem, error_of
from polarizer import errors as algorithm


def leaves(kind: type[Exception]) -> list[type[Exception]]:
    below = kind.__subclasses__()
    return [kind, *(leaf for one in below for leaf in leaves(one))]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("diverged", Exit.FAILED),
        (None, Exit.FAILED),
        ("source-refused", Exit.REJECTED),
        ("digest-mismatch", Exit.REJECTED),
        ("sandbox-violation", Exit.REJECTED),
        ("sandbox-unavailable", Exit.INFRASTRUCTURE),
        ("source-unreachable", Exit.INFRASTRUCTURE),
        ("lost-blob", Exit.INFRASTRUCTURE),
        ("worker-lost", Exit.INFRASTRUCTURE),
        ("out-of-memory", Exit.INFRASTRUCTURE),
        ("something-new", Exit.INFRASTRUCTURE),
    ],
)
def test_codes_of_failed_defenses(code: str | None, expected: Exit) -> None:
    assert exit_of_code(code) is expected


def test_every_error_of_the_algorithm_is_an_input_that_was_rejected() -> None:
    kinds = [*leaves(algorithm.ModelError), *leaves(algorithm.DataError), algorithm.ConfigError]
    for kind in kinds:
        assert exit_of_code(kind.code) is Exit.REJECTED, kind  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Exit.REJECTED),
        (401, Exit.USAGE),
        (403, Exit.USAGE),
        (404, Exit.REJECTED),
        (409, Exit.REJECTED),
        (413, Exit.REJECTED),
        (422, Exit.REJECTED),
        (429, Exit.INFRASTRUCTURE),
        (500, Exit.INFRASTRUCTURE),
        (503, Exit.INFRASTRUCTURE),
    ],
)
def test_statuses(status: int, expected: Exit) -> None:
    assert exit_of(error_of(Problem(status, "x", "X", "x"))) is expected


def test_our_own() -> None:
    assert exit_of(errors.ConfigurationError("x")) is Exit.USAGE
    assert exit_of(errors.InputError("x")) is Exit.REJECTED
    assert exit_of(errors.DigestError("x")) is Exit.REJECTED
    assert exit_of(errors.UnreachableError("x", sent=False)) is Exit.INFRASTRUCTURE
