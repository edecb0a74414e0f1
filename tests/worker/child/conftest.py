"""The child's inner function, called in this process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from service.defenses.report import InputFacts, Report
from tests.worker import samples
from worker.child.failure import explain
from worker.child.work import Work
from worker.events import Event, FailedEvent, MeasuredEvent, ProgressEvent, StageEvent
from worker.job import REPORT_FILE, Job, Limits, Place, input_path


@dataclass
class FakeVoice:
    """Remembers what was said."""

    said: list[Event] = field(default_factory=list)

    def say(self, event: Event) -> None:
        self.said.append(event)

    def step(self, name: str) -> None:
        """Not said: no trace is recorded."""

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.said if isinstance(event, kind)]


@dataclass
class Done:
    """What a job left: its folder, what it said, and how it failed."""

    folder: Path
    voice: FakeVoice
    failure: FailedEvent | None

    @property
    def stages(self) -> list[str]:
        return [event.stage for event in self.voice.of(StageEvent)]

    @property
    def measured(self) -> list[MeasuredEvent]:
        return self.voice.of(MeasuredEvent)

    @property
    def progress(self) -> list[ProgressEvent]:
        return self.voice.of(ProgressEvent)

    @property
    def report(self) -> Report:
        return Report.model_validate_json((self.folder / REPORT_FILE).read_bytes())


Do = Callable[..., Done]


def prepared(folder: Path, sent: dict[str, bytes], **changes: Any) -> Job:
    """A job of these files, which lie in its folder."""
    facts = {
        role: InputFacts(
            sha256=hashlib.sha256(content).hexdigest(), size=len(content), filename=None
        )
        for role, content in sent.items()
    }
    job = {
        "defense_id": "def_1",
        "attempt": 1,
        "description": samples.DESCRIPTION,
        "target_class": samples.TARGET if "triggered" in sent else None,
        "config": samples.FAST,
        "device": "cpu",
        "limits": Limits(file_bytes=1 << 30),
        "inputs": facts,
    }
    whole = Job.model_validate(job | changes)
    Place(device="cpu", runner_pid=os.getpid()).write(folder)
    whole.write(folder)
    for role, content in sent.items():
        input_path(folder, role).write_bytes(content)  # type: ignore[arg-type]
    return whole


@pytest.fixture
def do(tmp_path_factory: pytest.TempPathFactory) -> Do:
    """Does a job with the sample's files, some of them replaced."""

    def run(
        files: dict[str, bytes] | None = None, *, measured: bool = False, **changes: Any
    ) -> Done:
        folder = tmp_path_factory.mktemp("job")
        whole = prepared(folder, samples.inputs(measured=measured) | (files or {}), **changes)
        voice = FakeVoice()
        try:
            Work(whole, folder, voice).run()  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - as the program does
            return Done(folder, voice, explain(error))
        return Done(folder, voice, None)

    return run
