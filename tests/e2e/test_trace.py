"""One trace from the HTTP request through the job's row, worker and child to the store; the ids of
the request on every line of the worker."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from service.blobs import Blobs
from service.database import Database
from service.logging import configure_logging
from service.metrics.store import StoreMetrics, observed
from service.queue import Queue, create_celery
from service.settings import Settings
from service.storage import open_store
from service.tracing import open_tracing
from service.tracing.statements import trace_statements
from tests.servers.collector import Collector, Exported, collector
from tests.service.conftest import TEST_LIMITS, migrate, running
from tests.service.inference.artefacts import encoded, random_images
from tests.worker import samples
from worker.metrics import WorkerMetrics
from worker.observing import Observer
from worker.runner import Runner
from worker.workplace import open_workplace

pytestmark = pytest.mark.slow

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with collector() as found:
        yield found


@pytest.fixture
def settings(tmp_path: Path, otlp: Collector) -> Settings:
    limits = {**TEST_LIMITS, "traces_endpoint": otlp.url, "device": "cpu"}
    settings = Settings(data_dir=tmp_path / "data", log_format="json", **limits)
    migrate(settings)
    return settings


@pytest.fixture
def log_lines(settings: Settings) -> Iterator[io.StringIO]:
    """What the service's own logging writes; pytest's is put back."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers, root.level
    configure_logging(settings)
    text = io.StringIO()
    for handler in root.handlers:
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(text)
    yield text
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**before)


def asked(client: httpx.Client) -> str:
    """The id of a defense that was asked for within a trace of the caller's."""
    request = {**samples.request(), "evidence": None}
    files = {role: (role, content) for role, content in samples.inputs().items()}
    answer = client.post(
        "/v1/defenses",
        files=files,
        data={"request": json.dumps(request)},
        headers={"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-ID": "asked-here"},
    )
    assert answer.status_code == 202, answer.text
    identifier: str = answer.json()["id"]
    return identifier


def predict(client: httpx.Client, defense_id: str) -> None:
    """One image, asked of the new model within the same trace."""
    model = client.get(f"/v1/defenses/{defense_id}").json()["model_id"]
    answer = client.post(
        f"/v1/models/{model}/predict",
        content=encoded(random_images(1, seed=0, channels=1)[0]),
        headers={"traceparent": f"00-{TRACE}-{CALLER}-01", "Content-Type": "image/png"},
        timeout=300,
    )
    assert answer.status_code == 200, answer.text


def work(settings: Settings, defense_id: str) -> WorkerMetrics:
    """Runs it as a worker does, in this process, with the real child."""
    metrics, tracing = WorkerMetrics(), open_tracing(settings, "worker")
    database = Database(settings.database)
    trace_statements(database.engine, tracing)
    with open_workplace(settings.jobs_dir) as workplace:
        store = observed(open_store(settings), StoreMetrics(metrics.registry))
        Runner(
            settings,
            database,
            Blobs(database, store),
            Queue(create_celery(settings)),
            workplace,
            shutdown=threading.Event(),
            observer=Observer(metrics, tracing),
        ).run(defense_id)
    database.dispose()
    tracing.close(120.0)
    return metrics


def below(spans: list[Exported], parent: Exported) -> dict[str, Exported]:
    return {span.name: span for span in spans if span.parent_id == parent.span_id}


def test_one_trace_from_the_request_to_the_store(
    settings: Settings, otlp: Collector, log_lines: io.StringIO
) -> None:
    with running(settings) as site:
        defense_id = asked(site.client)
        metrics = work(settings, defense_id)
        (request,) = otlp.wait_for("POST /v1/defenses")
        predict(site.client, defense_id)
        (prediction,) = otlp.wait_for("POST /v1/models/{model_id}/predict")
    (attempt,) = otlp.wait_for("defense attempt")
    spans = [span for span in otlp.spans if span.trace_id == TRACE]

    assert (request.parent_id, request.kind, request.service) == (CALLER, "server", "polarizer-api")
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["polarizer.request_id"] == "asked-here"
    assert below(spans, request).keys() >= {
        *("store.put", "database.write", "queue.wake", "queued", "defense attempt")
    }
    statements = {span.name for span in spans if "db.system.name" in span.attributes}
    assert any(name.endswith(" defenses") for name in statements)
    assert (attempt.parent_id, attempt.service) == (request.span_id, "polarizer-worker")
    assert attempt.attributes["polarizer.job_id"] == defense_id
    assert attempt.attributes["polarizer.outcome"] == "succeeded"

    parts = below(spans, attempt)
    assert parts.keys() == {"fetching", "child", "storing", "settling"}
    assert below(spans, parts["fetching"]).keys() >= {"store.read", "database.write"}
    assert below(spans, parts["storing"]).keys() >= {"store.put", "database.write"}
    (settled,) = below(spans, parts["settling"]).values()
    assert any(name.endswith(" defenses") for name in below(spans, settled))
    stages = below(spans, parts["child"])
    assert list(stages) == ["starting", "validating", "measuring", "purifying", "evaluating"]
    started = below(spans, stages["starting"])
    assert started.keys() >= {"confine-files", "load-torch", "confine-calls"}
    assert below(spans, stages["evaluating"]).keys() >= {"write-artefact", "measure-artefact"}

    assert (prediction.trace_id, prediction.parent_id) == (TRACE, CALLER)
    (ask,) = [span for span in spans if span.name == "engine.ask"]
    assert ask.parent_id == prediction.span_id
    (engine,) = below(spans, ask).values()
    within = below(spans, engine)
    assert within.keys() == {*(f"engine.{step}" for step in ("decode", "wait", "load", "batch"))}
    (model,) = below(spans, within["engine.batch"]).values()
    assert model.name == "engine.model"
    assert model.attributes["polarizer.backend"]
    assert ask.began <= engine.began <= model.began <= model.ended <= engine.ended <= ask.ended

    assert not [span.name for span in spans if span.failed]
    for stage in ("fetching", "starting", "purifying", "settling"):
        count = metrics.registry.get_sample_value(
            "polarizer_worker_stage_seconds_count", {"stage": stage}
        )
        assert count == 1

    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    of_job = [line for line in lines if line.get("job_id") == defense_id and "attempt" in line]
    assert {"attempt_started", "child_started", "attempt_ended"} <= {
        line["event"] for line in of_job
    }
    ids = {"trace_id": TRACE, "request_id": "asked-here", "tenant": "default"}
    assert all(line.items() >= ids.items() for line in of_job)
    (told,) = [line for line in lines if line["event"] == "request" and line["status"] == 202]
    assert told.items() >= ids.items()
