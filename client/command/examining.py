"""``polarizer doctor``: finds what is wrong with an installation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from client.command.base import Session, command, session_of
from client.command.outcomes import Exit
from client.command.screen import Screen
from client.doctor.findings import Finding, State
from client.doctor.house import check_house
from client.doctor.machine import check_machine
from client.doctor.service import check_service
from client.errors import ConfigurationError
from client.retries import NEVER

STYLES = {State.OK: "green", State.NOTE: "", State.WARNING: "yellow", State.WRONG: "bold red"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    examples = "polarizer doctor\npolarizer doctor --no-service\npolarizer doctor --json"
    command(app, "doctor", examples=examples)(doctor)


def doctor(
    context: typer.Context,
    service: Annotated[bool, typer.Option(help="ask the service too")] = True,
) -> None:
    """Find what is wrong: Python, packages, torch, sandbox, disk, configuration, service, key.

    Exits 0 if nothing is wrong, 1 otherwise; notes and warnings are not wrong.
    """
    session = session_of(context)
    screen = session.screen
    findings = []
    for finding in _all(session, service):
        findings.append(finding)
        if not screen.as_json:
            _show(screen, finding)
    if screen.as_json:
        screen.result("findings", [finding.as_data() for finding in findings])
    if any(finding.state is State.WRONG for finding in findings):
        raise typer.Exit(Exit.FAILED)


def _all(session: Session, ask_service: bool) -> Iterable[Finding]:
    yield from check_machine()
    yield from check_house()
    if ask_service:
        try:
            with session.service(NEVER) as service:
                yield from check_service(service)
        except ConfigurationError:
            return  # the machine's checks have told it


def _show(screen: Screen, finding: Finding) -> None:
    screen.line(f"{finding.state:<8} {finding.name}: {finding.found}", style=STYLES[finding.state])
    if finding.advice:
        screen.line(f"{'':<8} → {finding.advice}")
