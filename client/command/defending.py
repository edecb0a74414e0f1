"""``polarizer defend``: from files to a repaired model in one command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from client.clients import Polarizer
from client.command import asking
from client.command.base import Session, command, session_of
from client.command.following import OnInterrupt, follow, terminated_as_interrupted
from client.command.gating import checked, require_conditions, show_verdict
from client.command.options import config_of, description_of, target_of, weights_of
from client.command.outcomes import Exit
from client.command.outputs import Outputs, Values, keep_results, write_result, write_values
from client.command.progress import reporter
from client.command.screen import Screen, plain_data
from client.command.views import show_defense, show_evidence, show_warnings
from client.errors import InputError
from client.flows.waiting import require_success
from client.gates.checking import Verdict
from client.gates.expression import Condition
from client.records import Defense, Report
from client.sources import Source

EXAMPLES = """
polarizer defend model.safetensors --clean clean/ --out repaired
polarizer defend model.pt --clean clean.npz --triggered bad.npz --target-class 0 --no-wait
polarizer defend 's3://models/m.safetensors#sha256=…' --clean s3://data/clean.npz --out repaired
polarizer defend model.safetensors --clean clean/ --require 'accuracy_drop <= 0.02'
"""


class AttackTest(StrEnum):
    REACTIVATION = "reactivation"
    BLACK_BOX_REACTIVATION = "black-box-reactivation"
    RETUNING = "retuning"


class Queue(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    command(app, "defend", examples=EXAMPLES)(defend)


def defend(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            help="the suspect model: a file or folder, s3://bucket/key (or prefix/), an upload's id"
        ),
    ],
    clean: Annotated[
        str,
        typer.Option(
            help="clean images: a folder of class folders, a zip, tar or npz, or as MODEL"
        ),
    ],
    test: asking.Test = None,
    triggered: asking.Triggered = None,
    target_class: asking.TargetClass = None,
    description: asking.Description = None,
    method: asking.Method = None,
    seed: asking.Seed = None,
    config: asking.Config = None,
    settings: asking.Set = None,
    evidence: asking.Evidence = True,
    attack_test: Annotated[
        list[AttackTest] | None,
        typer.Option(
            metavar="TEST",
            help="try what an attacker can win back: reactivation, black-box-reactivation or"
            " retuning; may be repeated",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="for people")] = None,
    priority: Annotated[
        int | None,
        typer.Option(min=0, max=9, help="of your own jobs, those with a higher one go first [5]"),
    ] = None,
    queue: Annotated[
        Queue | None, typer.Option(help="which workers take it [the service's choice]")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(help="https address that is told what becomes of it")
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="follow it to the end; implied by --out and --require")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="folder for the repaired model and its report")
    ] = None,
    require: asking.Require = None,
    on_interrupt: Annotated[
        OnInterrupt, typer.Option(help="what Ctrl-C does to the defense")
    ] = OnInterrupt.ASK,
    idempotency_key: Annotated[
        str | None, typer.Option(help="the same key and payload make one defense [a fresh one]")
    ] = None,
    reuse: Annotated[
        bool, typer.Option(help="files that the service has already are not sent again")
    ] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="make it anew, although the same one was made before")
    ] = False,
    value: Values = None,
    outputs: Outputs = None,
) -> None:
    """Have a model repaired, wait for it, and get the repaired model with its report."""
    session = session_of(context)
    conditions = require_conditions(require or [])
    if not wait and (out or conditions):
        raise InputError("--no-wait leaves nothing for --out and --require to act on")
    source = weights_of(Source.parse(model))
    asked: dict[str, Any] = {
        "model": source,
        "clean": clean,
        "test": test,
        "triggered": triggered,
        "target_class": target_of(target_class),
        "description": description_of(source, description),
        "config": config_of(config, settings or [], method=method, seed=seed),
        "evidence": evidence,
        "attack_tests": [str(one) for one in attack_test or []],
        "name": name,
        "priority": priority,
        "queue": queue and str(queue),
        "webhook": webhook,
        "idempotency_key": idempotency_key,
        "reuse": reuse,
        "fresh": fresh,
    }
    with session.service() as service:
        defense = _ask(service, session.screen, asked)
        if wait:
            defense = follow(service, session.screen, defense.id, on_interrupt)
        run = Run(session, service, defense)
        run.finish(wait, out, conditions, value, outputs)


def _ask(service: Polarizer, screen: Screen, asked: dict[str, Any]) -> Defense:
    with terminated_as_interrupted(), reporter(screen) as shows:
        defense = service.defenses.defend(**asked, on_upload=shows.upload)
    screen.say(f"defense {defense.id}")
    return defense


class Run:
    """What is left to do with a defense once it is not waited for any more."""

    def __init__(self, session: Session, service: Polarizer, defense: Defense) -> None:
        self._screen = session.screen
        self._service = service
        self._defense = defense
        self._files: dict[str, str] = {}
        self._verdict: Verdict | None = None
        self._report: Report | None = None

    def finish(
        self,
        waited: bool,
        out: Path | None,
        conditions: list[Condition],
        value: list[str] | None,
        outputs: Path | None,
    ) -> None:
        """Keeps files, tries conditions, says what came of it."""
        defense = self._defense
        succeeded = waited and defense.model_id is not None
        if succeeded and out is not None:
            self._files = keep_results(self._service, self._screen, defense, out)
        if succeeded and defense.has_report and not self._screen.as_json:
            self._report = self._service.defenses.report(defense.id)
        if succeeded and conditions:
            document = self._service.defenses.report_file(defense.id)
            self._verdict = checked(conditions, document.content, defense.id)
        if out is not None:
            write_result(out / "result.json", "defense", self.data)
        write_values(self.values, value, outputs)
        self._show()
        if waited:
            require_success(defense)
        if self._verdict is not None and not self._verdict.passed:
            raise typer.Exit(Exit.FAILED)

    @property
    def data(self) -> dict[str, Any]:
        """The defense, and what was made of it here."""
        gate = self._verdict.as_data() if self._verdict else None
        return {**plain_data(self._defense), "files": self._files, "gate": gate}

    @property
    def values(self) -> dict[str, object]:
        """For the next step of a pipeline."""
        defense, numbers = self._defense, self._defense.numbers or {}
        found: dict[str, object] = {"defense_id": defense.id, "model_id": defense.model_id}
        found["status"] = str(defense.status)
        found["passed"] = None if self._verdict is None else self._verdict.passed
        for name in ("accuracy", "attack_success"):
            found |= {
                f"{name}_{when}": numbers.get(f"{name}_{when}") for when in ("before", "after")
            }
        return found | {f"{what}_path": path for what, path in self._files.items()}

    def _show(self) -> None:
        if self._screen.as_json:
            self._screen.result("defense", self.data)
            return
        show_defense(self._screen, self._defense)
        if self._report is not None:
            self._screen.line()
            show_evidence(self._screen, self._report)
            show_warnings(self._screen, self._report)
        if self._verdict is not None:
            self._screen.line()
            show_verdict(self._screen, self._verdict)
