"""Repairs a registered model: ``models:/name@alias`` in, a new version and a moved alias out.

    pip install mlflow neural-polarizer-service
    export MLFLOW_TRACKING_URI=… POLARIZER_URL=…
    python repair.py models:/street-signs@candidate --clean clean/ --alias champion \\
        --require 'accuracy_drop <= 0.02' --require 'surrogate_attack_success <= 5%'

The registered model is a folder with one file of weights and, unless --description names it, a
model.json that describes it (docs/formats.md). A run holds the report, its numbers and the repaired
files. The alias moves only if every condition holds. Exit codes are those of ``polarizer``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from client import ClientError, Polarizer, require_success
from client.command.gating import checked, require_conditions
from client.command.options import config_of, description_of, target_of, weights_of
from client.command.outcomes import Exit, exit_of
from client.gates.checking import Verdict
from client.records import Defense
from client.sources import Source

ARTEFACTS = "repaired"
PREFIX = "models:/"


def main(arguments: Sequence[str] | None = None, mlflow: Any = None) -> int:  # noqa: ANN401
    """Does what the options say; the exit code."""
    options = _options().parse_args(arguments)
    if mlflow is None:
        import mlflow
    try:
        conditions = require_conditions(options.require)
        with Polarizer() as service, TemporaryDirectory() as scratch:
            repaired = Path(scratch) / "repaired"
            repaired.mkdir()
            source = Path(mlflow.artifacts.download_artifacts(options.model, dst_path=scratch))
            defense = repair(service, options, source, repaired)
            content = (repaired / "report.json").read_bytes()
            verdict = checked(conditions, content, defense.id)
            version = register(mlflow, options, defense, verdict, repaired)
    except ClientError as error:
        sys.stderr.write(f"{error}\n")
        return int(exit_of(error))
    sys.stdout.write(f"{name_of(options)} version {version}: {_words(verdict, options.alias)}\n")
    return int(Exit.PASSED if verdict.passed else Exit.FAILED)


def repair(
    service: Polarizer, options: argparse.Namespace, source: Path, repaired: Path
) -> Defense:
    """Leaves the folder of the model with repaired weights, and the report. Raises ClientError."""
    weights = weights_of(Source(path=source))
    file = weights.path or source
    asked = service.defenses.defend(
        model=weights,
        clean=options.clean,
        triggered=options.triggered,
        target_class=target_of(options.target_class),
        description=description_of(weights, options.description),
        config=config_of(options.config, [], method=options.method),
        name=options.model[:200],
    )
    sys.stderr.write(f"defense {asked.id}\n")
    defense = require_success(service.defenses.wait(asked.id))
    if file.parent == source:
        shutil.copytree(source, repaired, dirs_exist_ok=True)
    service.models.download(str(defense.model_id), repaired / file.name)
    (repaired / "report.json").write_bytes(service.defenses.report_file(defense.id).content)
    return defense


def register(
    mlflow: Any,  # noqa: ANN401 - the module
    options: argparse.Namespace,
    defense: Defense,
    verdict: Verdict,
    repaired: Path,
) -> str:
    """Logs a run, registers its files as the next version, and moves the alias if all gates hold;
    the version."""
    registry = mlflow.MlflowClient()
    with mlflow.start_run(run_name=f"repair {options.model}") as run:
        numbers = verdict.values
        mlflow.log_params({"defense_id": defense.id, "source_model": options.model})
        mlflow.log_metrics(
            {name: value for name, value in numbers.items() if isinstance(value, float)}
        )
        mlflow.log_text(json.dumps(verdict.as_data(), indent=1), "gate.json")
        mlflow.log_artifacts(str(repaired), ARTEFACTS)
        place = mlflow.get_artifact_uri(ARTEFACTS)
    name = name_of(options)
    tags = {"polarizer.defense": defense.id, "polarizer.passed": str(verdict.passed).lower()}
    made = registry.create_model_version(name, place, run.info.run_id, tags=tags)
    if options.alias and verdict.passed:
        registry.set_registered_model_alias(name, options.alias, made.version)
    return str(made.version)


def name_of(options: argparse.Namespace) -> str:
    """The registered model of the new version: the one that came, unless another is named."""
    return options.register or options.model.removeprefix(PREFIX).split("@")[0].split("/")[0]


def _words(verdict: Verdict, alias: str | None) -> str:
    for gate in verdict.gates:
        if not gate.passed:
            return f"{gate.condition} does not hold ({gate.reason}); no alias was moved"
    return f"all conditions hold; @{alias} points at it" if alias else "all conditions hold"


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", help="models:/name@alias or models:/name/version")
    parser.add_argument("--clean", required=True, help="as for polarizer defend")
    parser.add_argument("--triggered", help="images with the trigger and their true labels")
    parser.add_argument("--target-class", help="where the trigger leads; with --triggered")
    parser.add_argument("--description", help="JSON or its file [model.json beside the weights]")
    parser.add_argument("--config", help="hyper-parameters: JSON, or a JSON or TOML file")
    parser.add_argument("--method", help="as for polarizer defend")
    parser.add_argument("--require", action="append", default=[], help="a condition; repeatable")
    parser.add_argument("--register", help="registered model of the result [the one that came]")
    parser.add_argument("--alias", help="moved to the new version if every condition holds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
