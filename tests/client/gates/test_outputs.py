"""JUnit and SARIF, by the rules of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from client.gates.checking import Gate, Verdict, check, parse_all
from client.gates.junit import as_junit
from client.gates.sarif import as_sarif
from client.gates.values import values_of
from tests.client.gates.reports import report

HERE = Path(__file__).parent
REQUIRED = ["accuracy_drop <= 0.02", "attack_success_after < 1%", "won_back < 5%", "1 < 2"]


def verdict(*required: str) -> Verdict:
    values = values_of(report())
    gates = tuple(check(condition, values) for condition in parse_all(required))
    return Verdict(gates, "out dir/report.json", "ab" * 32, "def_1", values)


def test_what_came_of_conditions() -> None:
    found = verdict(*REQUIRED)
    assert [gate.passed for gate in found.gates] == [True, False, False, True]
    assert [gate.reason for gate in found.gates] == [
        "accuracy_drop = 0.01",
        "attack_success_after = 0.02",
        "won_back was not measured",
        "nothing was asked of the report",
    ]
    assert not found.passed
    assert json.dumps(found.as_data())


def test_junit_fits_its_schema() -> None:
    """The schema that Jenkins' xUnit plugin describes, as far as CI systems agree on it."""
    schema = etree.XMLSchema(etree.parse(HERE / "junit.xsd"))
    schema.assertValid(etree.fromstring(as_junit(verdict(*REQUIRED))))


def test_junit_counts() -> None:
    suite = ET.fromstring(as_junit(verdict(*REQUIRED))).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == REQUIRED
    assert [case.find("failure") is not None for case in cases] == [False, True, True, False]


@given(st.text())
def test_junit_is_xml_whatever_stands_in_it(text: str) -> None:
    gate = Gate(text, False, {}, text)
    etree.fromstring(as_junit(Verdict((gate,), text, "0" * 64, None, {})))


def test_sarif_fits_its_schema() -> None:
    schema = json.loads((HERE / "sarif-subset.schema.json").read_text())
    jsonschema.validate(as_sarif(verdict(*REQUIRED)), schema)


def test_sarif_is_consistent() -> None:
    log = as_sarif(verdict(*REQUIRED))
    (run,) = log["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    assert len({rule["id"] for rule in rules}) == len(rules) == len(results) == 4
    for result in results:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        location = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert run["artifacts"][location["index"]]["location"]["uri"] == location["uri"]
    assert [result["kind"] for result in results] == ["pass", "fail", "fail", "pass"]
    assert " " not in run["artifacts"][0]["location"]["uri"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: log.pop("version"),
        lambda log: log["runs"][0].pop("tool"),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0]["results"][0].update(level="fatal"),
        lambda log: log["runs"][0]["results"][0].update(kind="fail", level="none"),
    ],
    ids=["version", "tool", "message", "level", "kind"],
)
def test_the_schema_would_notice(damage: Any) -> None:
    log = as_sarif(verdict("1 < 2"))
    damage(log)
    schema = json.loads((HERE / "sarif-subset.schema.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(log, schema)
