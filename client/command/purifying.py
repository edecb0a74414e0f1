"""``polarizer purify``: a repair right here, by a process of the library, without a service."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Annotated, Any

import typer
from pydantic import ValidationError

from client.command import asking
from client.command.base import command, session_of
from client.command.following import terminated_as_interrupted
from client.command.gating import checked, require_conditions, show_verdict
from client.command.modules import command_of, environment
from client.command.modules import require as require_modules
from client.command.options import config_of, description_of, target_of, weights_of
from client.command.outcomes import Exit
from client.command.outputs import Outputs, Values, ready_folder, write_result, write_values
from client.command.progress import Reporter, reporter
from client.command.screen import Screen
from client.command.views import show_numbers
from client.errors import AnswerError, DefenseEndedError, InputError
from client.flows.uploading import checked_digest
from client.gates.checking import Verdict
from client.gates.values import values_of
from client.packing import pack, pack_model
from client.records import Event
from client.sources import Source

MODULE = "worker.local"
EXAMPLES = """
polarizer purify model.safetensors --clean clean/ --out repaired
polarizer purify model.pt --clean clean.npz --out repaired --require 'accuracy_drop <= 0.02'
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    command(app, "purify", examples=EXAMPLES)(purify)


def purify(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="the suspect model: a file or folder; #sha256=… may follow")
    ],
    clean: Annotated[
        str, typer.Option(help="clean images: a folder of class folders, a zip, tar or npz")
    ],
    out: Annotated[Path, typer.Option(help="folder for the repaired model and its report")],
    test: asking.Test = None,
    triggered: asking.Triggered = None,
    target_class: asking.TargetClass = None,
    description: asking.Description = None,
    method: asking.Method = None,
    seed: asking.Seed = None,
    config: asking.Config = None,
    settings: asking.Set = None,
    evidence: asking.Evidence = True,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:1 [CUDA where there is one]")
    ] = None,
    require: asking.Require = None,
    value: Values = None,
    outputs: Outputs = None,
) -> None:
    """Repair a model on this machine, without any service. Needs torch."""
    conditions = require_conditions(require or [])
    require_modules("worker", "torch", purpose="polarizer purify")
    screen = session_of(context).screen
    given = {"model": model, "clean": clean, "test": test, "triggered": triggered}
    sources = {role: Source.parse(one) for role, one in given.items() if one is not None}
    sources["model"] = weights_of(sources["model"])
    order: dict[str, Any] = {
        "out": str(ready_folder(out).resolve()),
        "description": description_of(sources["model"], description),
        "target_class": target_of(target_class),
        "config": config_of(config, settings or [], method=method, seed=seed) or {},
    }
    if not evidence:
        order["evidence"] = None
    with TemporaryDirectory(prefix="polarizer-") as scratch, reporter(screen) as shows:
        paths = {role: _local(role, one, Path(scratch)) for role, one in sources.items()}
        _repair(order | {"inputs": paths}, device, shows)
    content = (out / "report.json").read_bytes()
    verdict = checked(conditions, content, str(out / "report.json"))
    finish(screen, out, content, verdict, value, outputs)


def finish(
    screen: Screen,
    out: Path,
    content: bytes,
    verdict: Verdict,
    value: list[str] | None,
    outputs: Path | None,
) -> None:
    """Says what came of it, and leaves it for the next step."""
    report = json.loads(content)
    files = {"model": str(out / "model.safetensors"), "report": str(out / "report.json")}
    gate = verdict.as_data() if verdict.gates else None
    data = {"files": files, "numbers": report["numbers"], "gate": gate}
    write_result(out / "result.json", "purification", data)
    paths = {f"{what}_path": path for what, path in files.items()}
    write_values({"passed": verdict.passed, **values_of(report), **paths}, value, outputs)
    if screen.as_json:
        screen.result("purification", data)
    else:
        for what, path in files.items():
            screen.say(f"{what}: {path}")
        show_numbers(screen, report["numbers"])
        show_verdict(screen, verdict)
    if not verdict.passed:
        raise typer.Exit(Exit.FAILED)


def _local(role: str, source: Source, scratch: Path) -> str:
    """A file here. Raises InputError, DigestError."""
    if source.path is None:
        raise InputError(f"{role}: {source} is not on this machine; purify needs files")
    if source.path.is_dir():
        archive = scratch / f"{role}.zip"
        (pack_model if role == "model" else pack)(source.path, archive)
        return str(archive)
    if not source.path.is_file():
        raise InputError(f"{role}: {source.path} is no file")
    if source.sha256:
        checked_digest(source.path, source.sha256)
    return str(source.path.resolve())


def _repair(order: Mapping[str, Any], device: str | None, shows: Reporter) -> None:
    """Raises DefenseEndedError when it came to nothing."""
    last: Event | None = None
    with TemporaryFile() as log, terminated_as_interrupted(), _started(device, log) as process:
        assert process.stdin  # noqa: S101 - for mypy
        assert process.stdout  # noqa: S101
        with suppress(BrokenPipeError), process.stdin:  # it says itself what is the matter
            process.stdin.write(json.dumps(order).encode())
        for line in process.stdout:
            last = _event(line)
            shows.event(last)
        process.wait()
        log.seek(0)
        words = log.read().decode(errors="replace").strip().splitlines()
    if last is None or not last.is_last:
        raise AnswerError(f"the repair ended without a word: {' '.join(words[-3:])}")
    if error := last.data.get("error"):
        raise DefenseEndedError("the repair", "failed", error["code"], error["message"])


@contextmanager
def _started(device: str | None, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is gone when the block ends, and its child with it."""
    changes = {} if device is None else {"POLARIZER_DEVICE": device}
    with subprocess.Popen(  # noqa: S603 - the command is ours
        command_of(MODULE),
        env=environment(**changes),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,  # Ctrl-C is ours to pass on
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _event(line: bytes) -> Event:
    try:
        return Event.model_validate_json(line)
    except ValidationError as error:
        raise AnswerError("the repair said something that is no event") from error
