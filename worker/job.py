"""What a child is told: where it stands (``place.json``), then what to do (``job.json``); and the
names in its folder.

Imports no torch: the runner writes it, the child reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from confinement import Files, Mode
from polarizer.config import PurifyConfig
from polarizer.description import ModelDescription
from polarizer.evidence.config import EvidenceConfig
from service.defenses.report import InputFacts, Role
from service.defenses.winback import AttackTest

PLACE_FILE = "place.json"
JOB_FILE = "job.json"
INPUTS = "in"
OUTPUTS = "out"
SCRATCH = "tmp"
ARTEFACT_FILE = f"{OUTPUTS}/model.safetensors"
ALARM_FILE = f"{OUTPUTS}/alarm.safetensors"
REPORT_FILE = f"{OUTPUTS}/report.json"
STDERR_FILE = "stderr.log"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Part):
    """What holds of a child before there is a job for it. It confines itself by this before it
    reads anything else."""

    device: Annotated[str, Field(description="cpu, cuda, cuda:1; empty: the child chooses")]
    sandbox: Mode = Mode.WARN
    memory_bytes: Annotated[int, Field(ge=0, description="of its own; 0: no limit")] = 0
    processes: Annotated[int, Field(ge=1, description="processes and threads of its user")] = 16384
    traced: Annotated[bool, Field(description="whether the child says its steps")] = False
    runner_pid: Annotated[int, Field(description="the child ends when this is not its parent")]

    def write(self, folder: Path) -> None:
        """Makes the folder that the child expects."""
        for name in (INPUTS, OUTPUTS, SCRATCH):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        (folder / PLACE_FILE).write_text(self.model_dump_json(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Place:
        return cls.model_validate_json((folder / PLACE_FILE).read_bytes())


class Limits(_Part):
    """What one job may use. The child sets what the kernel can keep on itself before it reads a
    stranger's byte; the runner watches the rest (``worker/watch.py``)."""

    memory_bytes: Annotated[int, Field(ge=0, description="of its own; 0: no limit")] = 0
    file_bytes: Annotated[int, Field(ge=1, description="the largest file that it may write")]
    folder_bytes: Annotated[int, Field(ge=0, description="of all its files; 0: no limit")] = 0
    threads: Annotated[int, Field(ge=1, description="that compute")] = 1
    card_share: Annotated[
        float, Field(gt=0, le=1, description="of a graphics card's memory, if it computes on one")
    ] = 1.0


class Job(_Part):
    """One attempt of one defense. The input of role ``r`` is the file ``in/r``."""

    defense_id: str
    attempt: Annotated[int, Field(ge=1)]
    description: Annotated[
        ModelDescription | None, Field(description="null: the model's file describes itself")
    ]
    target_class: Annotated[str | int | None, Field(description="a class name or index")]
    attack_tests: Annotated[tuple[AttackTest, ...], Field(description="to try at the end")] = ()
    config: PurifyConfig
    evidence: Annotated[EvidenceConfig | None, Field(description="null: not wanted")] = None
    device: Annotated[str, Field(description="cpu, cuda, cuda:1; empty: the child chooses")]
    limits: Limits
    traced: Annotated[bool, Field(description="whether the child says its steps")] = False
    inputs: dict[Role, InputFacts]

    def write(self, folder: Path) -> None:
        (folder / JOB_FILE).write_text(self.model_dump_json(), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Job:
        return cls.model_validate_json((folder / JOB_FILE).read_bytes())


def input_path(folder: Path, role: Role) -> Path:
    return folder / INPUTS / role


def job_files(folder: Path) -> Files:
    """What the child may read and write there."""
    return Files(readable=[folder], writable=[folder / OUTPUTS, folder / SCRATCH])


def may_use_gpu(device: str) -> bool:
    """Whether a job with this setting may find itself on a graphics card."""
    return device.startswith("cuda") or (not device and Path("/dev/nvidiactl").exists())
