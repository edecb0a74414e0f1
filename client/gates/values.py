"""The named values of a report: what it measured, and what follows from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from client.errors import InputError
from client.gates.expression import Value

Report = Mapping[str, Any]
KNOWN_SCHEMA = 1


@dataclass(frozen=True)
class Named:
    """A value that conditions may name."""

    name: str
    meaning: str
    find: Callable[[Report], Value | None]


def values_of(report: Report) -> dict[str, Value | None]:
    """All of them; null where nothing was measured. Raises InputError for what is no report."""
    require_report(report)
    try:
        return {named.name: named.find(report) for named in NAMED}
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise InputError(f"the report is damaged: {error}") from error


def require_report(report: object) -> None:
    """Raises InputError unless it is a report of a schema that is known here."""
    if not isinstance(report, Mapping) or not isinstance(report.get("numbers"), Mapping):
        raise InputError("this is no report of the Neural Polarizer Service")
    if report.get("schema_version") != KNOWN_SCHEMA:
        raise InputError(
            f"the report has schema version {report.get('schema_version')!r}, this command knows"
            f" {KNOWN_SCHEMA}; install the command of the service's version"
        )


def _measured(name: str) -> Callable[[Report], Value | None]:
    def find(report: Report) -> float | None:
        found = report["numbers"].get(name)
        return None if found is None else float(found)

    return find


def _drop(name: str) -> Callable[[Report], Value | None]:
    """How much less there is after."""

    def find(report: Report) -> float | None:
        before, after = (report["numbers"].get(f"{name}_{when}") for when in ("before", "after"))
        return None if before is None or after is None else float(before) - float(after)

    return find


def _of_evidence(compute: Callable[[Mapping[str, Any]], Value | None]) -> Callable[..., Any]:
    def find(report: Report) -> Value | None:
        evidence = report.get("evidence")
        return compute(evidence) if evidence else None

    return find


def _surrogate(share: str) -> Callable[..., Any]:
    """The most of this share over the classes with a door, or over all where none was found."""

    def compute(evidence: Mapping[str, Any]) -> float | None:
        suspects = set(evidence["suspects"])
        classes: Sequence[Mapping[str, Any]] = evidence["classes"]
        chosen = [one for one in classes if one["label"] in suspects] or classes
        return max((float(one[share]) for one in chosen), default=None)

    return _of_evidence(compute)


def _clean_set(name: str) -> Callable[[Report], Value | None]:
    def find(report: Report) -> float | None:
        found = (report.get("clean_set") or {}).get(name)
        return None if found is None else float(found)

    return find


def _serious(report: Report) -> float | None:
    found = report.get("clean_set")
    if not found:
        return None
    return float(sum(finding["severity"] == "serious" for finding in found["findings"]))


def _images(role: str, field: str = "images") -> Callable[[Report], Value | None]:
    def find(report: Report) -> float | None:
        found = report.get("images", {}).get(role)
        return None if found is None else float(found[field])

    return find


def _damaged(report: Report) -> float:
    return float(sum(found.get("damaged", 0) for found in report.get("images", {}).values()))


def _word(name: str) -> Callable[[Report], Value | None]:
    return lambda report: report.get(name)


def _count(name: str) -> Callable[[Report], Value | None]:
    return lambda report: float(len(report.get(name, ())))


def _number(name: str) -> Callable[[Report], Value | None]:
    return lambda report: None if report.get(name) is None else float(report[name])


def _alarm_rate(report: Report) -> float | None:
    alarm = report.get("alarm")
    return float(alarm["rate"]) if alarm else None


NAMED: tuple[Named, ...] = (
    Named("accuracy_before", "clean images given their class", _measured("accuracy_before")),
    Named("accuracy_after", "the same after the repair", _measured("accuracy_after")),
    Named("accuracy_drop", "accuracy_before - accuracy_after", _drop("accuracy")),
    Named(
        "attack_success_before",
        "triggered images given the target class, before",
        _measured("attack_success_before"),
    ),
    Named("attack_success_after", "the same after", _measured("attack_success_after")),
    Named("attack_success_drop", "how much of it went away", _drop("attack_success")),
    Named(
        "recovered_accuracy_before",
        "triggered images given their true class, before",
        _measured("recovered_accuracy_before"),
    ),
    Named("recovered_accuracy_after", "the same after", _measured("recovered_accuracy_after")),
    Named(
        "defense_effectiveness", "attack and accuracy in one", _measured("defense_effectiveness")
    ),
    Named("won_back", "the most that an attack test brought back", _measured("won_back")),
    Named(
        "verdict",
        "without the trigger: 'closed', 'weaker', 'still-open', 'no-evidence-found',"
        " 'inconclusive'",
        _of_evidence(lambda evidence: str(evidence["verdict"])),
    ),
    Named(
        "suspects",
        "classes with a backdoor, before or after",
        _of_evidence(lambda evidence: float(len(evidence["suspects"]))),
    ),
    Named(
        "surrogate_attack_success",
        "images that the best trigger found in the model as it came still sends astray",
        _surrogate("flips_after"),
    ),
    Named(
        "surrogate_attack_success_before",
        "the same in the model as it came",
        _surrogate("flips_before"),
    ),
    Named(
        "surrogate_attack_success_new",
        "the same of a trigger of that size found anew after the repair",
        _surrogate("new_flips"),
    ),
    Named(
        "clean_agreement",
        "clean images that the model as it came agrees with",
        _measured("clean_agreement"),
    ),
    Named(
        "wrong_labels", "wrong labels among the clean images, estimated", _measured("wrong_labels")
    ),
    Named(
        "near_duplicates", "clean images that repeat an earlier one", _measured("near_duplicates")
    ),
    Named(
        "shift",
        "distance of the clean images from the training; from 1, suspicious",
        _clean_set("shift"),
    ),
    Named("serious_findings", "serious findings about the clean images", _serious),
    Named("clean_images", "clean images that were read", _images("clean")),
    Named("test_images", "test images that were read", _images("test")),
    Named("triggered_images", "triggered images that were read", _images("triggered")),
    Named("damaged_images", "images that could not be read", _damaged),
    Named("warnings", "warnings of the job", _count("warnings")),
    Named("layers", "layers that were changed", _count("layers")),
    Named("method", "that was used: 'stage', 'deep', …", _word("method")),
    Named("measured_on", "'test' or 'held_out'", _word("measured_on")),
    Named("target_class", "the attack's target, where known", _word("target_class")),
    Named("alarm_rate", "clean images that the alarm flags, at most", _alarm_rate),
    Named("steps", "of the optimisation", _number("steps")),
    Named("purify_seconds", "that the optimisation took", _number("purify_seconds")),
)

NAMES: tuple[str, ...] = tuple(named.name for named in NAMED)
