"""Named values: all of a full report, and none of what was not measured."""

from __future__ import annotations

from typing import Any

import pytest

from client import InputError, Polarizer
from client.gates.values import NAMED, NAMES, values_of
from client.records import Defense
from service.defenses.report import Numbers
from tests.client.gates.reports import report


def test_what_a_report_says() -> None:
    values = values_of(report())
    assert values["accuracy_drop"] == pytest.approx(0.01)
    assert values["attack_success_drop"] == pytest.approx(0.97)
    assert values["verdict"] == "closed"
    assert values["suspects"] == 1
    assert values["surrogate_attack_success"] == 0.03
    assert values["surrogate_attack_success_before"] == 0.9
    assert values["surrogate_attack_success_new"] == 0.05
    assert values["recovered_accuracy_after"] is None
    assert (values["serious_findings"], values["shift"]) == (1, 0.4)
    assert (values["clean_images"], values["test_images"]) == (120, 90)
    assert values["triggered_images"] is None
    assert (values["damaged_images"], values["warnings"], values["layers"]) == (3, 1, 1)
    assert (values["method"], values["measured_on"]) == ("stage", "test")


def test_without_a_suspect_the_worst_class_counts() -> None:
    evidence = report()["evidence"] | {"suspects": []}
    assert values_of(report(evidence=evidence))["surrogate_attack_success"] == 0.4


def test_what_was_not_measured_is_null() -> None:
    values = values_of({"schema_version": 1, "numbers": {}})
    known = {name for name, value in values.items() if value is not None}
    assert known == {"damaged_images", "warnings", "layers"}


def test_every_number_of_the_service_has_a_name() -> None:
    assert set(Numbers.model_fields) <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)
    assert all(named.meaning for named in NAMED)


def test_a_real_report(service: Polarizer, defended: Defense) -> None:
    found = service.defenses.report(defended.id)
    values = values_of(found.model_dump(mode="json"))
    assert values["accuracy_before"] == found.numbers["accuracy_before"]
    unknown = {name for name, value in values.items() if value is None}
    assert unknown <= {
        "surrogate_attack_success",
        "surrogate_attack_success_before",
        "surrogate_attack_success_new",
        "won_back",
        "shift",
        "near_duplicates",
        "wrong_labels",
    }


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "no report"),
        ({}, "no report"),
        ({"numbers": {}}, "schema version None"),
        (report(schema_version=2), "schema version 2"),
        (report(evidence={"verdict": "closed"}), "damaged"),
        (report(numbers={"accuracy_before": "high"}), "damaged"),
    ],
    ids=["list", "empty", "unversioned", "newer", "evidence", "number"],
)
def test_what_is_no_report(found: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        values_of(found)
