"""``python -m worker.local``: one repair without a service, in the same child as any other.

Reads an order as JSON from standard input, says what happens on standard output (the API's events,
one a line, the last one of type ``status``), and leaves ``model.safetensors`` and ``report.json``
in the folder that the order names. Exits 0 when the repair succeeded, 1 otherwise.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from polarizer.config import PurifyConfig
from polarizer.description import ModelDescription
from polarizer.evidence.config import EvidenceConfig
from service.defenses.report import InputFacts, Role
from service.defenses.schemas import Event
from service.defenses.states import Status
from service.defenses.winback import AttackTest
from service.logging import configure_logging
from service.settings import Settings
from worker.events import Event as ChildEvent
from worker.events import FailedEvent, LogEvent, StepEvent
from worker.job import Job, Limits, input_path, may_use_gpu
from worker.places import place_of
from worker.process import CHILD, running
from worker.results import BadResultError, read_report, take_artefact
from worker.supervision import supervise
from worker.watch import OverstepError, Watch

NAME = "local"
FILE_FACTOR, FILE_EXTRA = 4, 64 << 20

Tell = Callable[[str, dict[str, Any]], None]


class Order(BaseModel):
    """What to repair, with what, and where to leave it. Paths are of files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: dict[Role, Path]
    out: Path
    description: ModelDescription | None = None
    target_class: str | int | None = None
    config: PurifyConfig = PurifyConfig()
    evidence: EvidenceConfig | None = EvidenceConfig()
    attack_tests: tuple[AttackTest, ...] = ()


def main() -> int:
    """Does the order of standard input; the exit status."""
    settings = Settings(log_level="ERROR")
    configure_logging(settings)
    say = _Voice()
    say("status", {"status": Status.RUNNING})
    try:
        failure = repair(Order.model_validate_json(sys.stdin.buffer.read()), settings, say)
    except ValidationError as error:
        failure = FailedEvent(code="config-invalid", message=_first(error))
    except (OSError, BadResultError) as error:
        failure = FailedEvent(code="internal", message=str(error) or type(error).__name__)
    if failure is not None:
        told = {"code": failure.code, "message": failure.message}
        say("status", {"status": Status.FAILED, "error": told})
        return 1
    say("status", {"status": Status.SUCCEEDED})
    return 0


def repair(order: Order, settings: Settings, tell: Tell) -> FailedEvent | None:
    """What went wrong; None when model and report are in ``order.out``."""
    order.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="polarizer-") as scratch:
        folder = Path(scratch)
        tell("stage", {"stage": "fetching"})
        job = _prepare(order, settings, folder)
        failure = _run(job, folder, tell)
        if failure is None:
            tell("stage", {"stage": "storing"})
            _keep(job, folder, order.out)
        return failure


def _prepare(order: Order, settings: Settings, folder: Path) -> Job:
    facts = {role: _facts(path) for role, path in order.inputs.items()}
    file_bytes = FILE_FACTOR * facts["model"].size + FILE_EXTRA
    place = place_of(settings)
    place.write(folder)
    job = Job(
        defense_id=NAME,
        attempt=1,
        description=order.description,
        target_class=order.target_class,
        attack_tests=order.attack_tests,
        config=order.config,
        evidence=order.evidence,
        device=settings.device,
        limits=Limits(
            memory_bytes=place.memory_bytes,
            file_bytes=file_bytes,
            threads=_cores(),
        ),
        inputs=facts,
    )
    job.write(folder)
    for role, path in order.inputs.items():
        shutil.copyfile(path, input_path(folder, role))
    return job


def _cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run(job: Job, folder: Path, tell: Tell) -> FailedEvent | None:
    with running(CHILD, folder, gpu=may_use_gpu(job.device)) as child:
        child.begin()
        watch = Watch(child, folder, job.limits)

        def hear(event: ChildEvent) -> None:
            if isinstance(event, LogEvent | StepEvent):  # for a service's operator
                return
            data = event.model_dump(mode="json", exclude={"type"}, exclude_none=True)
            tell(event.type, data.get("numbers", data))

        try:
            ending = supervise(child, on_event=hear, tick=watch.check)
            child.stop_listening()
            watch.check_at_the_end()
        except OverstepError as error:
            return FailedEvent(code=error.code, message=str(error))
        if ending.failure is not None and ending.failure.code in ("internal", "child-crashed"):
            sys.stderr.write(child.stderr_tail())
        return ending.failure


def _keep(job: Job, folder: Path, out: Path) -> None:
    """Model and report in their places, whole or not at all."""
    made = out / f".model-{os.getpid()}"
    try:
        facts = take_artefact(folder, made, max_bytes=job.limits.file_bytes)
        report = read_report(folder).vouched(
            defense_id=job.defense_id,
            attempt=job.attempt,
            config=job.config,
            inputs=job.inputs,
            artefact=facts,
        )
        made.replace(out / "model.safetensors")
    finally:
        made.unlink(missing_ok=True)
    (out / "report.json").write_text(report.model_dump_json(), encoding="utf-8")


def _facts(path: Path) -> InputFacts:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return InputFacts(sha256=digest, size=path.stat().st_size, filename=path.name)


def _first(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


class _Voice:
    """Events, numbered, on standard output."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        self._told += 1
        event = Event(
            sequence=self._told, attempt=1, type=kind, data=data, created_at=datetime.now(UTC)
        )
        sys.stdout.write(event.model_dump_json() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
