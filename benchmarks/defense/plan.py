"""Which jobs a table needs, and running them so that noise of the machine hits all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.draws import counts
from benchmarks.defense.job import Job, run_apart
from benchmarks.defense.rivals import RIVALS
from benchmarks.defense.rows import NOTHING, Results, Row


@dataclass(frozen=True)
class Plan:
    """What the table compares. ``methods`` are ours; the first is what times are divided by.

    Rivals do ``share`` of the published work. With ``timed`` those that do only a part of it are
    not measured: what a tenth of the epochs leaves is not what their authors propose.
    """

    data: Path
    methods: tuple[str, ...]
    rivals: tuple[str, ...]
    images: tuple[int, ...]
    seeds: tuple[int, ...]
    device: str = "cpu"
    threads: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0
    timed: bool = False
    backdoorbench: Path | None = None
    official_full: bool = False
    timeout: float | None = None

    @property
    def defenses(self) -> tuple[str, ...]:
        """Ours first, then the rivals; ``official_npd`` only where its checkout is given."""
        rivals = [name for name in self.rivals if name != "official_npd" or self.backdoorbench]
        return (*self.methods, *rivals)

    def is_only_timed(self, defense: str) -> bool:
        """Whether one seed is enough, because nothing but the time is measured."""
        if defense == "official_npd":
            return not self.official_full
        return defense in RIVALS and self.timed and self.share < 1


def jobs(plan: Plan, folder: Path, available: int) -> Iterator[Job]:
    """The jobs of one model with ``available`` clean images, interleaved.

    All defenses take turns on one draw before the next is made, and who begins changes from draw to
    draw. Rivals that are only timed run with the first seed alone.
    """
    yield _job(plan, folder, NOTHING, 0, 0)
    turn = 0
    for count in counts(list(plan.images), available):
        for seed in plan.seeds:
            first = turn % len(plan.defenses)
            turn += 1
            for defense in (*plan.defenses[first:], *plan.defenses[:first]):
                if seed != plan.seeds[0] and plan.is_only_timed(defense):
                    continue
                yield _job(plan, folder, defense, count, seed)


def run(
    plan: Plan,
    folder: Path,
    bench: Backdoored,
    results: Results,
    on_row: Callable[[Row], None],
    execute: Callable[[Job, Row, float | None], Row] = run_apart,
) -> None:
    """Every job of one model whose row ``results`` lacks; each row is kept at once.

    Raises :class:`RuntimeError` when the model cannot even be measured as it is.
    """
    before: Row | None = None
    for job in jobs(plan, folder, len(bench.clean)):
        row = _blank(job, bench)
        done = results.find(row)
        if done is None:
            done = execute(job, row, plan.timeout)
            if before is not None:
                done = replace(
                    done,
                    accuracy_before=before.accuracy,
                    attack_success_before=before.attack_success,
                )
            results.add(done)
            on_row(done)
        if job.defense == NOTHING:
            if done.problem:
                raise RuntimeError(f"{bench.name} cannot be measured: {done.problem}")
            before = done


def _job(plan: Plan, folder: Path, defense: str, images: int, seed: int) -> Job:
    ours = defense not in RIVALS
    return Job(
        folder=str(folder),
        data=str(plan.data),
        defense=defense,
        images=images,
        seed=seed,
        device=plan.device,
        threads=plan.threads,
        settings=dict(plan.settings) if ours else {},
        share=1.0 if ours else plan.share,
        timed=not ours and plan.timed,
        backdoorbench=str(plan.backdoorbench) if plan.backdoorbench else None,
        official_full=plan.official_full,
    )


def _blank(job: Job, bench: Backdoored) -> Row:
    return Row(
        model=bench.name,
        attack=bench.attack,
        defense=job.defense,
        images=job.images,
        seed=job.seed,
        device=job.device,
        threads=job.threads,
    )
