"""Metrics, dashboards, alerts and their runbook name the same things; rules do what they say."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.make import DASHBOARDS, dashboard
from service.settings import Settings
from tests.deploy.exposed import families, samples
from tests.service.conftest import TEST_LIMITS, migrate, running

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
GRAFANA = ROOT / "deploy/grafana"
OPERATIONS = (ROOT / "docs/operations.md").read_text()
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ROWS = set(re.findall(r"^\| `(polarizer_\w+)` \|[^|]*\| (?:api|worker|both) \|", OPERATIONS, re.M))
OTHERS = frozenset({"up", "process_resident_memory_bytes"})


def rules(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


WRITTEN = ("recording", "alerts")
ALERTS = rules("alerts.yml")
RECORDED = {rule["record"] for rule in rules("recording.yml")}
PANELS = [
    (name, panel["title"], target["expr"])
    for name in DASHBOARDS
    for panel in json.loads((GRAFANA / f"{name}.json").read_text())["panels"]
    for target in panel.get("targets", [])
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The metrics of a service that runs, and of a worker."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("told"), **TEST_LIMITS)
    migrate(settings)
    with running(settings) as site:
        return families(site)


def test_every_metric_is_documented_and_nothing_else(told: dict[str, str]) -> None:
    assert told.keys() == ROWS


def asked(query: str) -> set[str]:
    """The metrics and recorded series that a query names."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on) \([^)]*\)", " ", query)
    names = set(re.findall(r"[a-z_][a-z0-9_:]*(?!\w|\s*\()", bare))
    return {name for name in names if "_" in name or name == "up"} - {"histogram_quantile"}


def test_what_a_query_asks_for_is_found() -> None:
    query = 'sum by (le) (rate(a_b_total{x="y_z"}[5m])) / (sum(up{job="w"}) > 0) and m:a_b:rate5m'
    assert asked(query) == {"a_b_total", "up", "m:a_b:rate5m"}


@pytest.mark.parametrize(
    ("where", "query"),
    [
        *((f"{name}: {title}", query) for name, title, query in PANELS),
        *((rule["alert"], rule["expr"]) for rule in ALERTS),
        *((rule["record"], rule["expr"]) for rule in rules("recording.yml")),
    ],
    ids=[
        *(f"{name}-{number}" for number, (name, _, _) in enumerate(PANELS)),
        *(rule["alert"] for rule in ALERTS),
        *(rule["record"] for rule in rules("recording.yml")),
    ],
)
def test_every_query_asks_for_what_there_is(where: str, query: str, told: dict[str, str]) -> None:
    names = asked(query)
    assert names, where
    assert names <= {*samples(told), *RECORDED, *OTHERS}, where


def test_every_metric_is_looked_at(told: dict[str, str]) -> None:
    """One that no dashboard shows and no alert waits for is told to nobody."""
    queries = [query for _, _, query in PANELS]
    queries += [rule["expr"] for rule in [*ALERTS, *rules("recording.yml")]]
    named = set().union(*map(asked, queries))
    lost = {name for name, kind in told.items() if not named & {*samples({name: kind})}}
    assert not lost


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_what_grafanas_types_say(name: str) -> None:
    text = (GRAFANA / f"{name}.json").read_text()
    assert text == dashboard(name), "run python deploy/grafana/make.py"
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["refId"] for panel in panels for target in panel.get("targets", []))


def lost(wanted: Any, found: Any) -> list[str]:
    """What of the first is not in the second, by its way there."""
    if isinstance(wanted, dict):
        pairs = [(name, value, found.get(name)) for name, value in wanted.items()]
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = [(str(place), *both) for place, both in enumerate(zip(wanted, found, strict=True))]
    else:
        return [] if wanted == found else [""]
    return [f"{name}.{way}" for name, *both in pairs for way in lost(*both)]


def as_grafana_reads(text: str) -> Any:
    """Through Grafana's own types: they keep what they know."""
    register_default_plugins()
    read = Dashboard.from_json(json.loads(text))
    return json.loads(JSONEncoder(sort_keys=True).encode(read))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_knows_every_field_of_a_dashboard(name: str) -> None:
    text = (GRAFANA / f"{name}.json").read_text()
    assert lost(json.loads(text), as_grafana_reads(text)) == []
    wrong = text.replace('"legendFormat"', '"legendFormatt"', 1)
    assert wrong != text
    assert [way.rstrip(".") for way in lost(json.loads(wrong), as_grafana_reads(wrong))] == [
        "panels.1.targets.0.legendFormatt"
    ]


def test_every_dashboard_is_there_and_nothing_else() -> None:
    assert {path.stem for path in GRAFANA.glob("*.json")} == DASHBOARDS.keys()


def test_every_alert_has_its_entry_in_the_runbook_and_nothing_else_has() -> None:
    assert re.findall(r"^## (Polarizer\w+)$", RUNBOOK, re.M) == [rule["alert"] for rule in ALERTS]


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_says_what_it_means_and_where_to_look(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load((PROMETHEUS / "tests.yml").read_text())["tests"]
    names = [rule["alert"] for rule in ALERTS]
    wanted = sorted([*names, *(f"{name}, not" for name in names)])
    assert sorted(test["name"] for test in tests) == wanted
    for test in tests:
        (case,) = test["alert_rule_test"]
        assert bool(case["exp_alerts"]) is not test["name"].endswith(", not")


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI"):
        pytest.fail("CI must have promtool (Debian: prometheus)", pytrace=False)
    if found is None:
        pytest.skip("promtool is not here (Debian: prometheus)")
    return found


def run(promtool: str, *arguments: str | Path) -> None:
    done = subprocess.run(
        [promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_fire_on_what_they_are_for(promtool: str) -> None:
    run(promtool, "check", "config", "prometheus.yml")
    run(promtool, "test", "rules", "tests.yml")


def test_prometheus_understands_every_panel(promtool: str, tmp_path: Path) -> None:
    queries = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, (_, _, query) in enumerate(PANELS)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": queries}]}))
    run(promtool, "check", "rules", file)


def test_the_operators_rules_are_these_rules(tmp_path: Path) -> None:
    """As docs/kubernetes.md makes them, with a kubectl that keeps what it is given."""
    text = (ROOT / "docs/kubernetes.md").read_text()
    found = re.search(r"```sh\n(for file in recording.*?done\n)", text, re.DOTALL)
    assert found
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho --- >> "{tmp_path}/made"\ncat >> "{tmp_path}/made"\n')
    kubectl.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-eu", "-c", found[1]], cwd=ROOT, env={**os.environ, "PATH": path}, check=True
    )
    made = list(yaml.safe_load_all((tmp_path / "made").read_text()))
    assert [one["kind"] for one in made] == ["PrometheusRule"] * 2
    files = [yaml.safe_load((PROMETHEUS / f"{name}.yml").read_text()) for name in WRITTEN]
    assert [one["spec"] for one in made] == files
