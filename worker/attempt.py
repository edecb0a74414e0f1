"""One attempt at one defense, from its row to an outcome, in a folder of its own."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

import structlog

from polarizer.config import PurifyConfig
from polarizer.evidence.config import EvidenceConfig
from service.blobs import Blobs
from service.database import Database
from service.defenses.lifecycle import Lease
from service.defenses.report import InputFacts, Role
from service.defenses.states import Stage
from service.records import DefenseRecord
from service.settings import Settings
from worker.events import DISK_FULL, Event, FailedEvent, LogEvent, StepEvent
from worker.inputs import fetch_inputs
from worker.job import ALARM_FILE, Job, Limits, may_use_gpu
from worker.lease import LeaseKeeper
from worker.memory import card_share, job_memory
from worker.observing import Trail
from worker.outcome import Failed, Outcome, Succeeded
from worker.patience import AT_THE_END, patiently
from worker.places import place_of
from worker.process import Child, running
from worker.results import read_report, take_artefact
from worker.rows import EventRows
from worker.supervision import Ending, supervise
from worker.watch import OverstepError, Watch

log = structlog.get_logger()

FILE_FACTOR, FILE_EXTRA = 4, 64 << 20
"""The child may write files of four times the model's size (half precision becomes single, say)
and 64 MiB."""

FOLDER_FACTOR = 3
"""The artefact, its unfinished copy, and the alarm's weights; the inputs lie there too."""

ENDED_WITH_WORKER = frozenset({signal.SIGTERM, signal.SIGINT})
NOTICE_SECONDS = 1.0
"""systemd sends these to every process of a worker: then the child's end is no failure, and the
worker hears of it in a moment."""


@dataclass(frozen=True)
class Tools:
    """What every attempt of a worker uses."""

    settings: Settings
    database: Database
    blobs: Blobs
    command: Sequence[str]


class Attempt:
    """``run`` once. Raises StoppedError, InputError, BadResultError, and what ``AWAY`` names."""

    def __init__(
        self,
        tools: Tools,
        lease: Lease,
        keeper: LeaseKeeper,
        folder: Path,
        trail: Trail,
        spare: Child | None = None,
        *,
        on_purifying: Callable[[], None] | None = None,
    ) -> None:
        self._tools = tools
        self._lease = lease
        self._keeper = keeper
        self._folder = folder
        self._trail = trail
        self._spare = spare
        self._on_purifying = on_purifying
        self._rows = EventRows(tools.database, lease, on_stage=self._staged)
        self._tenant: str

    def run(self) -> Outcome:
        self._rows.begin(Stage.FETCHING)
        job = patiently(self._prepare, pause=self._keeper.pause)
        with self._child() as child:
            log.info("child_started", pid=child.pid, warm=self._spare is not None)
            self._trail.child_started()
            child.begin()
            failure = self._supervised(child, Watch(child, self._folder, job.limits))
        self._trail.child_ended(failure.code if failure else None)
        if failure is not None:
            return Failed(failure.code, failure.message)
        return self._store(job)

    def _staged(self, stage: Stage) -> None:
        self._trail.stage(stage)
        if stage is Stage.PURIFYING and self._on_purifying is not None:
            self._on_purifying()

    def _child(self) -> AbstractContextManager[Child]:
        """The one that is ready in our folder, or a new one."""
        if self._spare is not None:
            return nullcontext(self._spare)
        place = place_of(self._tools.settings, traced=self._trail.recording)
        place.write(self._folder)
        gpu = may_use_gpu(place.device)
        return running(self._tools.command, self._folder, gpu=gpu)

    def _supervised(self, child: Child, watch: Watch) -> FailedEvent | None:
        def tick() -> None:
            self._keeper.check()
            watch.check()
            self._rows.flush()

        try:
            ending = supervise(child, on_event=self._take, tick=tick)
            if ending.said is None and -ending.status in ENDED_WITH_WORKER:
                self._keeper.pause(NOTICE_SECONDS)
            self._rows.flush()
            child.stop_listening()
            watch.check_at_the_end()
        except OverstepError as error:
            log.warning("child_overstepped", code=error.code, stderr=child.stderr_tail())
            return FailedEvent(code=error.code, message=str(error))
        if ending.failure is not None:
            _log_failure(child, ending)
            if ending.failure.code == DISK_FULL:  # no fault of the job's
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return ending.failure

    def _take(self, event: Event) -> None:
        match event:
            case StepEvent():
                self._trail.step(event)
            case LogEvent():
                self._trail.line(event)
            case _:
                self._rows.take(event)

    def _prepare(self) -> Job:
        with self._tools.database.read() as session:
            record = session.get_one(DefenseRecord, self._lease.defense_id)
            request, inputs = dict(record.request), list(record.inputs)
            self._tenant = record.tenant
        facts = fetch_inputs(
            inputs,
            self._folder,
            blobs=self._tools.blobs,
            settings=self._tools.settings,
            check=self._keeper.check,
        )
        job = Job(
            defense_id=self._lease.defense_id,
            attempt=self._lease.attempt,
            description=request.get("description"),
            target_class=request.get("target_class"),
            attack_tests=request.get("attack_tests") or (),
            config=request.get("config") or PurifyConfig(),
            evidence=request.get("evidence", EvidenceConfig()),
            device=self._tools.settings.device,
            limits=self._limits(facts),
            traced=self._trail.recording,
            inputs=facts,
        )
        job.write(self._folder)
        return job

    def _limits(self, inputs: dict[Role, InputFacts]) -> Limits:
        settings = self._tools.settings
        file_bytes = FILE_FACTOR * inputs["model"].size + FILE_EXTRA
        needed = sum(facts.size for facts in inputs.values()) + FOLDER_FACTOR * file_bytes
        return Limits(
            memory_bytes=job_memory(settings, gpu=may_use_gpu(settings.device)),
            file_bytes=file_bytes,
            folder_bytes=min(needed, settings.job_disk_bytes or needed),
            threads=max(1, _cores() // settings.worker_concurrency),
            card_share=card_share(settings.worker_concurrency),
        )

    def _store(self, job: Job) -> Succeeded:
        """The files as blobs, taken out of the child's reach first."""
        self._rows.begin(Stage.STORING)
        kept = Path(mkdtemp(prefix="kept-", dir=self._folder))
        artefact, report_file = kept / "model.safetensors", kept / "report.json"
        facts = take_artefact(self._folder, artefact, max_bytes=job.limits.file_bytes)
        report = read_report(self._folder).vouched(
            defense_id=job.defense_id,
            attempt=job.attempt,
            config=job.config,
            inputs=job.inputs,
            artefact=facts,
        )
        written = report.model_dump_json().encode()
        report_file.write_bytes(written)
        digest = sha256(written).hexdigest()
        alarm, alarm_files = self._take_alarm(job, kept) if report.alarm else ("", {})
        blobs = self._keep({facts.sha256: artefact, digest: report_file, **alarm_files})
        return Succeeded(
            report,
            artefact_blob_id=blobs[facts.sha256],
            report_blob_id=blobs[digest],
            alarm_blob_id=blobs.get(alarm),
        )

    def _take_alarm(self, job: Job, kept: Path) -> tuple[str, dict[str, Path]]:
        """Its digest, and the file of this digest."""
        path, limit = kept / "alarm.safetensors", job.limits.file_bytes
        facts = take_artefact(self._folder, path, max_bytes=limit, name=ALARM_FILE)
        return facts.sha256, {facts.sha256: path}

    def _keep(self, files: Mapping[str, Path]) -> dict[str, str]:
        """The blobs of these files, by digest."""
        self._keeper.check()
        blobs, tenant = self._tools.blobs, self._tenant
        return patiently(
            lambda: blobs.keep_all(files, tenant=tenant),
            pause=self._keeper.pause,
            more=AT_THE_END,
        )


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _log_failure(child: Child, ending: Ending) -> None:
    failure = ending.failure
    log.warning(
        "child_failed",
        code=failure.code if failure else None,
        status=ending.status,
        stderr=child.stderr_tail(),
    )
