"""Sends what is due, a few at a time, for as long as it is asked to."""

from __future__ import annotations

import threading
import time

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from service.database import Database
from service.errors import ServiceError
from service.metrics.webhooks import DELIVERED, REFUSED, SILENT, UNSETTLED, WebhookMetrics
from service.settings import Settings
from service.tracing import OFF, Kind, Span, Tracing, active, span
from service.webhooks import outbox, secrets, signing
from service.webhooks.addresses import target
from service.webhooks.outbox import Taken
from service.webhooks.schemas import State
from service.webhooks.sending import GONE, Outcome, Sender

log = structlog.get_logger()

AT_ONCE = 8


class Deliverer:
    """``deliver`` every second or so, in one thread; ``sweep`` now and then."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sender: Sender,
        tracing: Tracing = OFF,
        metrics: WebhookMetrics | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._sender = sender
        self._tracing = tracing
        self._metrics = metrics or WebhookMetrics(CollectorRegistry())

    def deliver(self) -> int:
        """Makes an attempt for each message that is due, up to ``AT_ONCE``; returns how many."""
        with self._database.read() as session:
            if not outbox.is_anything_due(session):
                return 0
        with self._database.write() as session:
            taken = outbox.take(session, limit=AT_ONCE)
        threads = [
            threading.Thread(target=self._attempt, args=[message], name="webhook", daemon=True)
            for message in taken
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(taken)

    def sweep(self) -> None:
        """Forgets what was settled long ago."""
        with self._database.write() as session:
            outbox.forget_old(session)

    def _attempt(self, taken: Taken) -> None:
        """In the trace of the request that made the defense."""
        root = self._tracing.root("webhook", taken.trace, kind=Kind.INTERNAL)
        bound = {
            "job_id": taken.defense_id,
            "tenant": taken.tenant,
            "trace_id": root.context.trace_id,
            "message_id": taken.id,
        }
        if taken.request_id:
            bound["request_id"] = taken.request_id
        started = time.perf_counter()
        with bound_contextvars(**bound), self._metrics.running.track_inprogress(), active(root):
            _describe(root, taken)
            outcome = self._attempted(taken, root)
        self._metrics.attempted(outcome, time.perf_counter() - started)

    def _attempted(self, taken: Taken, root: Span) -> str:
        """How it ended, as metrics name it."""
        try:
            outcome = self._send(taken)
            with self._database.write() as session:
                state = _settle(session, taken, outcome)
        except (SQLAlchemyError, OSError) as error:  # costs a repetition, no message
            root.fail(type(error).__name__)
            log.warning("webhook_unsettled", error=type(error).__name__)
            return UNSETTLED
        root.set({"http.response.status_code": outcome.status, "polarizer.state": state})
        if not outcome.delivered:
            root.fail(str(outcome.status or "no_answer"))
        log.info(
            "webhook_attempted",
            attempt=taken.attempt,
            status=outcome.status,
            error=outcome.error,
            state=state,
        )
        return _named(outcome)

    def _send(self, taken: Taken) -> Outcome:
        try:
            to = target(taken.url, self._settings.webhook_hosts)
            keys = self._keys(taken.tenant)
        except ServiceError as error:
            return Outcome(None, error.detail)
        if not keys:
            return Outcome(None, "there is no secret to sign with; make one")
        headers = signing.headers(taken.id, int(time.time()), taken.body, keys)
        with span("webhook.post", kind=Kind.CLIENT) as step:
            if step.recording:
                headers |= {"traceparent": step.context.header}
            return self._sender.post(to, headers, taken.body)

    def _keys(self, tenant: str) -> list[bytes]:
        master = secrets.master_key(self._settings)
        with self._database.read() as session:
            return [secrets.derived(master, record) for record in secrets.current(session, tenant)]


def _named(outcome: Outcome) -> str:
    if outcome.delivered:
        return DELIVERED
    return SILENT if outcome.status is None else REFUSED


def _describe(root: Span, taken: Taken) -> None:
    """The address is its tenant's and stays out: it may hold a secret."""
    root.set(
        {
            "polarizer.job_id": taken.defense_id,
            "polarizer.tenant": taken.tenant,
            "polarizer.request_id": taken.request_id,
            "polarizer.message_id": taken.id,
            "polarizer.attempt": taken.attempt,
        }
    )


def _settle(session: Session, taken: Taken, outcome: Outcome) -> State | None:
    state = outbox.settle(
        session,
        taken,
        delivered=outcome.delivered,
        status=outcome.status,
        error=outcome.error,
    )
    if outcome.status == GONE:
        outbox.give_up(session, taken.tenant, taken.url)
    return state
