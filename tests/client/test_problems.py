"""Errors out of answers, whoever wrote them."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.errors import NotFoundError, RejectedError, ServiceError, UnauthorisedError
from client.problems import problem_error, retry_after

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def answer(status: int, **parts: object) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", "http://x/y"), **parts)  # type: ignore[arg-type]


def test_a_problem_of_ours() -> None:
    body = {
        "type": "urn:polarizer:problem:source-refused",
        "title": "Refused",
        "detail": "no such bucket",
        "request_id": "abc",
        "errors": [{"loc": ["body"], "msg": "m", "type": "t"}],
    }
    error = problem_error(answer(422, json=body))
    assert isinstance(error, RejectedError)
    assert (str(error), error.slug) == ("no such bucket", "source-refused")
    assert error.problem.request_id == "abc"
    assert error.problem.errors[0]["msg"] == "m"


def test_the_inference_protocols_form() -> None:
    error = problem_error(answer(404, json={"error": "no model"}))
    assert isinstance(error, NotFoundError)
    assert (str(error), error.slug) == ("no model", "not-found")


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (answer(502, html="<h1>nginx</h1>"), "502 Bad Gateway"),
        (answer(502, text="upstream is down"), "502 Bad Gateway: upstream is down"),
        (answer(599), "599 Unknown status"),
        (answer(500, content=b"{", headers={"content-type": "application/json"}), "500 Internal"),
        (answer(500, json=["x"]), "500 Internal"),
    ],
    ids=["html", "text", "unknown", "broken", "list"],
)
def test_a_proxys_words(reply: httpx.Response, says: str) -> None:
    error = problem_error(reply)
    assert isinstance(error, ServiceError)
    assert str(error).startswith(says)


def test_no_key() -> None:
    assert isinstance(problem_error(answer(401)), UnauthorisedError)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("Sun, 01 Nov 2026 00:00:30 GMT", 30.0),
        ("Sat, 31 Oct 2026 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("-3", 0.0),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(answer(503, headers={"retry-after": value}), now=NOW) == seconds


@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", "x/y", ""]))
def test_whatever_comes_is_an_error_of_ours(body: bytes, kind: str) -> None:
    error = problem_error(answer(503, content=body, headers={"content-type": kind}))
    assert isinstance(error, ServiceError)
