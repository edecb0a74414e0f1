"""Spans as a collector receives them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from service.settings import Settings
from service.tracing import (
    Kind,
    TraceContext,
    Tracing,
    active,
    current_traceparent,
    open_tracing,
    span,
)
from tests.servers.collector import Collector, collector

SECONDS = 60.0
PARENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)


@pytest.fixture
def otlp() -> Iterator[Collector]:
    with collector() as found:
        yield found


def opened(url: str, **variables: str) -> Tracing:
    return open_tracing(Settings(traces_endpoint=url), "api", variables=variables)


def test_a_trace_arrives_whole(otlp: Collector) -> None:
    tracing = opened(otlp.url)
    with active(tracing.root("HTTP", PARENT, kind=Kind.SERVER)) as root:
        root.rename("GET /v1/models")
        root.set({"http.response.status_code": 200, "left.out": None})
        told = current_traceparent()
        with span("step", {"rows": 3}):
            pass
    tracing.close(SECONDS)
    step, server = otlp.spans
    assert (server.name, server.kind, server.service) == (
        "GET /v1/models",
        "server",
        "polarizer-api",
    )
    assert server.attributes == {"http.response.status_code": 200}
    assert (server.trace_id, server.parent_id) == (PARENT.trace_id, PARENT.span_id)
    assert told == f"00-{server.trace_id}-{server.span_id}-01"
    assert (step.parent_id, step.attributes) == (server.span_id, {"rows": 3})
    assert server.began <= step.began <= step.ended <= server.ended
    assert not server.failed
    assert otlp.refused == []


def test_times_may_be_told_afterwards(otlp: Collector) -> None:
    tracing = opened(otlp.url, OTEL_SERVICE_NAME="mine")
    root = tracing.root("job", None, kind=Kind.CONSUMER, start_ns=1_000)
    root.child("step", start_ns=2_000).end(3_000)
    root.end(4_000)
    tracing.close(SECONDS)
    step, job = otlp.spans
    assert (job.began, job.ended, step.began, step.ended) == (1_000, 4_000, 2_000, 3_000)
    assert (job.service, job.parent_id) == ("mine", "")


def test_a_failure_is_a_name_and_the_first_one_stays(otlp: Collector) -> None:
    tracing = opened(otlp.url)
    with (
        pytest.raises(ValueError, match="secret"),
        active(tracing.root("job", None, kind=Kind.CONSUMER)),
    ):
        raise ValueError("a secret")
    root = tracing.root("other", None, kind=Kind.CONSUMER)
    root.fail("timeout")
    root.fail("later")
    root.end()
    tracing.close(SECONDS)
    assert [one.attributes for one in otlp.spans] == [
        {"error.type": "ValueError"},
        {"error.type": "timeout"},
    ]
    assert all(one.failed for one in otlp.spans)
    assert "secret" not in repr(otlp.spans)


def test_what_a_caller_does_not_record_is_not_recorded_here(otlp: Collector) -> None:
    tracing = opened(otlp.url)
    silent = TraceContext(PARENT.trace_id, PARENT.span_id, sampled=False)
    with active(tracing.root("HTTP", silent, kind=Kind.SERVER)) as root, span("step"):
        assert not root.recording
        assert root.context.trace_id == PARENT.trace_id
    tracing.close(SECONDS)
    assert otlp.spans == []


def test_a_collector_that_is_away_keeps_nobody() -> None:
    with collector() as gone:
        url = gone.url
    tracing = opened(url)
    tracing.root("job", None, kind=Kind.CONSUMER).end()
    ended = threading.Thread(target=tracing.close, args=(0.1,))
    before = time.monotonic()
    ended.start()
    ended.join(SECONDS)
    assert not ended.is_alive(), time.monotonic() - before
