"""``polarizer gate``: conditions over a report, for pipelines."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from client.command.base import Session, command, session_of
from client.command.outcomes import Exit
from client.command.outputs import Outputs, Values, write_file, write_result, write_values
from client.command.screen import Screen
from client.errors import ConfigurationError, DigestError, InputError
from client.flows.waiting import require_success
from client.gates.checking import Verdict, check, in_words, parse_all
from client.gates.expression import Condition, ExpressionError
from client.gates.junit import as_junit
from client.gates.sarif import as_sarif
from client.gates.values import NAMED, values_of
from client.sources import Source

EXAMPLES = """
polarizer gate repaired/report.json --require 'accuracy_drop <= 0.02'
polarizer gate def_01… --require 'surrogate_attack_success <= 5%' --junit gate.xml
polarizer gate report.json --require "verdict in ('closed', 'no-evidence-found')"
polarizer gate report.json --require 'not known(attack_success_after) or attack_success_after < 5%'
polarizer gate --list
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    command(app, "gate", examples=EXAMPLES)(gate)


def gate(
    context: typer.Context,
    report: Annotated[
        str | None,
        typer.Argument(
            metavar="[REPORT|DEFENSE]",
            help="a report.json (path, file:// or - for standard input), or a defense's id, which"
            " is waited for; #sha256=… may follow",
        ),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="must hold; may be repeated"),
    ] = None,
    list_values: Annotated[
        bool, typer.Option("--list", help="list the values that conditions may name")
    ] = False,
    result: Annotated[Path | None, typer.Option(help="write the result as JSON")] = None,
    junit: Annotated[
        Path | None, typer.Option(help="write a JUnit file, a test case a condition")
    ] = None,
    sarif: Annotated[Path | None, typer.Option(help="write a SARIF 2.1.0 file")] = None,
    value: Values = None,
    outputs: Outputs = None,
) -> None:
    """Check a report against conditions: exit 0 if all hold, 1 if one does not.

    Conditions compare named values with numbers or words: `< <= > >= == !=`, `+ - * /`, `and or
    not`, `in (…)`, percentages, `known(name)`. What was not measured fails its condition.
    """
    session = session_of(context)
    conditions = require_conditions(require or [])
    if report is None:
        if not list_values:
            raise ConfigurationError("name a report or a defense, or ask for --list")
        _list(session.screen, None)
        return
    content, subject = _read(session, report)
    verdict = checked(conditions, content, subject)
    if list_values:
        _list(session.screen, verdict)
        return
    if not conditions:
        raise ConfigurationError("give at least one --require; --list shows what may be asked")
    _write(verdict, result, junit, sarif)
    write_values(_values(verdict), value, outputs)
    if session.screen.as_json:
        session.screen.result("gate", verdict.as_data())
    else:
        show_verdict(session.screen, verdict)
    if not verdict.passed:
        raise typer.Exit(Exit.FAILED)


def require_conditions(texts: Sequence[str]) -> list[Condition]:
    """Raises ConfigurationError for what is no condition: before anything is done."""
    try:
        return parse_all(texts)
    except ExpressionError as error:
        raise ConfigurationError(str(error)) from error


def checked(conditions: Sequence[Condition], content: bytes, subject: str) -> Verdict:
    """The conditions tried on a report's bytes. Raises InputError, ConfigurationError."""
    try:
        report = json.loads(content)
    except ValueError as error:
        raise InputError(f"{subject} is no JSON: {error}") from error
    values = values_of(report)
    try:
        gates = tuple(check(condition, values) for condition in conditions)
    except ExpressionError as error:
        raise ConfigurationError(str(error)) from error
    digest = hashlib.sha256(content).hexdigest()
    return Verdict(gates, subject, digest, report.get("defense_id"), values)


def show_verdict(screen: Screen, verdict: Verdict) -> None:
    """A line a gate."""
    for one in verdict.gates:
        word, style = ("PASS", "green") if one.passed else ("FAIL", "bold red")
        screen.line(f"{word}  {one.condition}   ({one.reason})", style=style)


def _read(session: Session, report: str) -> tuple[bytes, str]:
    """The bytes, and what they are called."""
    what, _, digest = report.partition("#sha256=")
    if what.startswith("def_"):
        with session.service() as service:
            require_success(service.defenses.wait(what))
            content = service.defenses.report_file(what).content
    elif what == "-":
        content = sys.stdin.buffer.read()
    else:
        what, content = _read_file(report)
    found = hashlib.sha256(content).hexdigest()
    if digest and found != digest.lower():
        raise DigestError(f"{what} has the digest {found}, not {digest}")
    return content, "standard-input" if what == "-" else what


def _read_file(report: str) -> tuple[str, bytes]:
    source = Source.parse(report)
    if source.path is None:
        raise InputError(f"{report}: a report is a file, or named by its defense's id (def_…)")
    try:
        return str(source.path), source.path.read_bytes()
    except OSError as error:
        raise InputError(f"{source.path}: {error.strerror}") from error


def _write(verdict: Verdict, result: Path | None, junit: Path | None, sarif: Path | None) -> None:
    if result is not None:
        write_result(result, "gate", verdict.as_data())
    if junit is not None:
        write_file(junit, as_junit(verdict))
    if sarif is not None:
        write_file(sarif, json.dumps(as_sarif(verdict), indent=1).encode() + b"\n")


def _values(verdict: Verdict) -> dict[str, object]:
    failed = sum(not one.passed for one in verdict.gates)
    told = {"passed": verdict.passed, "failed_gates": failed, "defense_id": verdict.defense_id}
    return {**told, **verdict.values}


def _list(screen: Screen, verdict: Verdict | None) -> None:
    if screen.as_json:
        values = verdict.values if verdict else {}
        screen.result(
            "values",
            [
                {"name": named.name, "meaning": named.meaning, "value": values.get(named.name)}
                for named in NAMED
            ],
        )
    elif verdict is None:
        screen.table(("name", "meaning"), ((named.name, named.meaning) for named in NAMED))
    else:
        rows = (
            (named.name, in_words(verdict.values[named.name]), named.meaning) for named in NAMED
        )
        screen.table(("name", "value", "meaning"), rows)
