"""Runs one defense: claims it, has it tried, writes how that ended. Imports no torch.

Whatever happens, one of these is written about a claimed defense as long as its lease is ours:
succeeded, failed, cancelled, or back into the queue. Everything else is left to the reaper.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from service.blobs import Blobs
from service.database import DATABASE_ERRORS, Database
from service.defenses import lifecycle
from service.defenses.lifecycle import Lease, LostLeaseError
from service.defenses.origin import Origin, origin_of
from service.defenses.states import QueueName
from service.queue import Queue
from service.settings import Settings
from worker.attempt import Attempt, Tools
from worker.inputs import InputError
from worker.lease import LeaseKeeper, Stop, StoppedError
from worker.observing import Observer, Trail
from worker.outcome import Cancelled, Failed, GivenBack, Lost, Outcome
from worker.patience import AT_THE_END, AWAY, patiently
from worker.process import CHILD, Child
from worker.results import BadResultError
from worker.spares import Spares, dismiss
from worker.workplace import Workplace

log = structlog.get_logger()


class Runner:
    """Any number of threads may call ``run``. ``shutdown``, once set, ends every run soon: its
    child is killed and its defense goes back into the queue."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: Blobs,
        queue: Queue,
        workplace: Workplace,
        *,
        shutdown: threading.Event,
        command: Sequence[str] = CHILD,
        observer: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._queue = queue
        self._workplace = workplace
        self._shutdown = shutdown
        self._observer = observer or Observer()
        self._tools = Tools(settings, database, blobs, command)
        self.spares = Spares(settings, workplace, command, settings.warm_children)

    def run(self, woken_for: str, queue: QueueName | None = None) -> None:
        """Runs the job whose turn it is in the queue that the message came by; none when nothing
        waits there. The one that the message was sent for may be another."""
        if self._shutdown.is_set():
            return
        queue = queue or self._settings.queues[0]
        claimed = self._claim(queue)
        self._observer.metrics.message("nothing" if claimed is None else "ran")
        if claimed is None:
            log.info("nothing_to_run", woken_for=woken_for)
            return
        lease, origin = claimed
        with (
            bound_contextvars(job_id=lease.defense_id, attempt=lease.attempt),
            self._observer.attempt(lease, origin) as trail,
            self._keeper(lease) as keeper,
        ):
            log.info("attempt_started")
            outcome = self._outcome(lease, keeper, trail)
            trail.ended(_name(outcome), getattr(outcome, "code", None))
            trail.stage("settling")
            self._settle(lease, queue, outcome)

    def _claim(self, queue: QueueName) -> tuple[Lease, Origin] | None:
        try:
            with self._database.write() as session:
                lease = lifecycle.claim_next(
                    session,
                    queue,
                    worker=self._workplace.name,
                    seconds=self._settings.lease_seconds,
                )
                return None if lease is None else (lease, origin_of(session, lease.defense_id))
        except DATABASE_ERRORS as error:  # the reaper wakes us again
            log.warning("claim_failed", error=type(error).__name__)
            return None

    def _keeper(self, lease: Lease) -> LeaseKeeper:
        return LeaseKeeper(
            self._database,
            lease,
            lease_seconds=self._settings.lease_seconds,
            timeout_seconds=self._settings.job_timeout_seconds,
            shutdown=self._shutdown,
        )

    def _outcome(self, lease: Lease, keeper: LeaseKeeper, trail: Trail) -> Outcome:
        try:
            with self._berth(lease) as (folder, spare):
                on_purifying = partial(self.spares.has_begun, spare) if spare else None
                return Attempt(
                    self._tools, lease, keeper, folder, trail, spare, on_purifying=on_purifying
                ).run()
        except StoppedError as stopped:
            return self._stopped(stopped.reason)
        except InputError as error:
            return Failed(error.code, str(error))
        except BadResultError as error:
            return Failed("child-crashed", f"the job's process left no usable result: {error}")
        except AWAY as error:
            return self._away(lease, error)
        except Exception:  # the one outer edge: no job may take the worker with it
            log.exception("attempt_broke")
            return Failed("internal", "an error of the service itself; its log knows more")

    @contextmanager
    def _berth(self, lease: Lease) -> Iterator[tuple[Path, Child | None]]:
        """A folder for the attempt, with a child that waits in it where there is one; neither is
        there afterwards."""
        spare = self.spares.take()
        if spare is None:
            with self._workplace.job_folder(lease) as folder:
                yield folder, None
            return
        try:
            yield spare.folder, spare
        finally:
            self.spares.has_begun(spare)
            dismiss(spare)

    def _stopped(self, reason: Stop) -> Outcome:
        match reason:
            case Stop.CANCELLED:
                return Cancelled()
            case Stop.SHUTDOWN:
                return GivenBack(wake=True)
            case Stop.LOST_LEASE:
                return Lost()
            case Stop.TIMEOUT:
                limit = self._settings.job_timeout_seconds
                return Failed("timeout", f"the job took longer than {limit:g} seconds; lower steps")

    def _away(self, lease: Lease, error: Exception) -> Outcome:
        log.warning("attempt_gave_up", error=type(error).__name__, exc_info=error)
        if lease.attempt < self._settings.max_attempts:
            return GivenBack(wake=False)
        return Failed(
            "unavailable",
            f"the object store or the database was not there in {lease.attempt} attempts",
        )

    def _settle(self, lease: Lease, queue: QueueName, outcome: Outcome) -> None:
        name = _name(outcome)
        try:
            patiently(lambda: self._write(lease, outcome), pause=time.sleep, more=AT_THE_END)
        except LostLeaseError:
            self._settle_lost(lease, queue, outcome)
        except AWAY as error:
            log.error("outcome_left_to_reaper", outcome=name, error=type(error).__name__)
        else:
            log.info("attempt_ended", outcome=name, code=getattr(outcome, "code", None))
            if isinstance(outcome, GivenBack) and outcome.wake:
                self._queue.wake(lease.defense_id, queue)

    def _settle_lost(self, lease: Lease, queue: QueueName, outcome: Outcome) -> None:
        """The row has moved on: it is being cancelled, or it is not ours any more."""
        if isinstance(outcome, Cancelled):
            log.warning("lease_lost")
            return
        self._settle(lease, queue, Cancelled())

    def _write(self, lease: Lease, outcome: Outcome) -> None:
        with self._database.write() as session:
            outcome.write(session, lease)


def _name(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()
