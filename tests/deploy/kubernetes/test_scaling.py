"""What grows and shrinks, and by which numbers: they exist, and say what they are taken to say."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from sqlalchemy import text

from service.database import Database
from service.defenses.states import Status
from service.inference.metrics import ModelMetrics, Snapshot
from service.metrics.inference import InferenceFamilies
from service.records import DefenseRecord
from tests.deploy.kubernetes.reading import HERE, PROFILES, Manifests, of_kind

every_profile = pytest.mark.parametrize("manifests", PROFILES.values(), ids=PROFILES)
ADAPTER = yaml.safe_load((HERE / "prometheus-adapter.yaml").read_text())["rules"]["custom"]


def scaled(manifests: Manifests) -> dict[str, tuple[str, dict[str, Any]]]:
    """What scales a Deployment, and how far, by the Deployment's name."""
    found = {}
    for document in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject"):
        name = document["spec"]["scaleTargetRef"]["name"]
        assert name not in found, "two that pull at one Deployment"
        found[name] = (document["kind"], document["spec"])
    return found


@every_profile
def test_who_is_scaled_exists_and_has_no_number_of_its_own(manifests: Manifests) -> None:
    """A number in the Deployment would undo the scaler's at every upgrade."""
    for name in scaled(manifests):
        assert "replicas" not in manifests["Deployment", name]["spec"]
    for document in of_kind(manifests, "Deployment"):
        assert ("replicas" in document["spec"]) != (
            document["metadata"]["name"] in scaled(manifests)
        )


def test_graphics_cards_are_given_back_when_there_is_nothing_to_do() -> None:
    kind, spec = scaled(PROFILES["gpu"])["polarizer-worker-gpu"]
    assert kind == "ScaledObject"
    assert spec["minReplicaCount"] == 0
    assert spec["triggers"][0]["metadata"]["activationTargetQueryValue"] == "0"


@every_profile
def test_a_scaler_may_read_the_database_by_the_secret(manifests: Manifests) -> None:
    for _, spec in scaled(manifests).values():
        for trigger in spec.get("triggers", []):
            name = trigger["authenticationRef"]["name"]
            (reference,) = manifests["TriggerAuthentication", name]["spec"]["secretTargetRef"]
            assert reference["parameter"] == "connection"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'polarizer.db'}")
    database.migrate()
    return database


def defense(number: int, queue: str, status: Status) -> DefenseRecord:
    return DefenseRecord(
        id=f"def_{number}",
        tenant="default",
        status=status,
        queue=queue,
        request={},
        created_at=datetime.now(UTC),
    )


def test_the_query_counts_what_waits_and_what_runs_in_its_own_queue(database: Database) -> None:
    rows = [(queue, status) for queue in ("cpu", "gpu", "gpu") for status in Status]
    with database.write() as session:
        session.add_all(defense(number, *row) for number, row in enumerate(rows))
    _, spec = scaled(PROFILES["gpu"])["polarizer-worker-gpu"]
    query = spec["triggers"][0]["metadata"]["query"]
    with database.read() as session:
        assert session.scalar(text(query)) == 2 * 3  # queued, running, cancelling
    other = query.replace("'gpu'", "'cpu'")
    _, spec = scaled(PROFILES["high-availability"])["polarizer-worker-cpu"]
    assert spec["triggers"][0]["metadata"]["query"] == other


def test_one_worker_for_as_many_jobs_as_it_runs_at_a_time() -> None:
    for manifests in PROFILES.values():
        for name, (kind, spec) in scaled(manifests).items():
            if kind == "ScaledObject":
                pod = manifests["Deployment", name]["spec"]["template"]["spec"]
                env = {entry["name"]: entry.get("value") for entry in pod["containers"][0]["env"]}
                target = spec["triggers"][0]["metadata"]["targetQueryValue"]
                assert target == env["POLARIZER_WORKER_CONCURRENCY"]


def test_the_engines_metric_is_made_of_what_the_service_tells() -> None:
    """The HPA's name is the adapter's, and the adapter's series are ours."""
    _, spec = scaled(PROFILES["high-availability"])["polarizer-engine"]
    (metric,) = spec["metrics"]
    (rule,) = ADAPTER
    assert metric["pods"]["metric"]["name"] == rule["name"]["as"]
    snapshot = Snapshot({"m": ModelMetrics()}, 0, 0, 0, 0, ())
    told = generate_latest(InferenceFamilies(snapshot)).decode()
    for series in re.findall(
        r"polarizer_\w+_(?:sum|count)", rule["seriesQuery"] + rule["metricsQuery"]
    ):
        assert re.search(rf"^{series}\{{", told, re.MULTILINE), series
