"""What the chart takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.kubernetes import helm
from deploy.kubernetes.kustomize import key
from tests.deploy.kubernetes.reading import HERE, Manifests, pods

CHART = HERE / "chart"
pytestmark = pytest.mark.skipif(not helm.is_here(), reason="helm-python-sdk is not installed")


def rendered(**values: Any) -> Manifests:
    return {key(document): document for document in helm.template(CHART, values=values)}


def variables(manifests: Manifests, workload: str) -> dict[str, dict[str, Any]]:
    (container,) = pods(manifests)[workload]["spec"]["containers"]
    return {variable["name"]: variable for variable in container["env"]}


@pytest.mark.parametrize(
    "values",
    [
        {"worker": {"replicas": 2}},
        {"workers": {"cpu": {"replica": 2}}},
        {"workers": {"GPU A": {}}},
        {"store": {"url": "file:///data"}},
        {"settings": {"DATABASE_URL": "x"}},
        {"seccomp": {"type": "Unconfined"}},
        {"seccomp": {"type": "Localhost"}},
        {"ingress": {"enabled": True}},
        {"image": {"digest": "latest"}},
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(helm.ChartError):
        rendered(**values)


def test_a_pool_of_ones_own() -> None:
    manifests = rendered(
        workers={
            "gpu": {"enabled": True},
            "spot": {"replicas": 3, "drainSeconds": 60, "nodeSelector": {"spot": "true"}},
        }
    )
    pod = pods(manifests)["polarizer-worker-spot"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 90
    assert pod["nodeSelector"] == {"spot": "true"}
    assert variables(manifests, "polarizer-worker-spot")["POLARIZER_DEVICE"]["value"] == "cpu"
    data = manifests["ConfigMap", "polarizer-settings"]["data"]
    assert data["POLARIZER_QUEUES"] == "cpu,gpu"
    assert ("Deployment", "polarizer-worker-cpu") in manifests


def test_keys_of_the_store_come_from_the_secret_if_at_all() -> None:
    names = {"POLARIZER_S3_ACCESS_KEY_ID", "POLARIZER_S3_SECRET_ACCESS_KEY"}
    for workload in ("polarizer-api", "polarizer-engine", "polarizer-worker-cpu"):
        assert not names & variables(rendered(), workload).keys()
        static = variables(rendered(store={"staticKeys": True}), workload)
        for name in names:
            assert "secretKeyRef" in static[name]["valueFrom"]


def test_a_workload_shows_its_own_token_to_the_store() -> None:
    identity = {
        "apiRoleArn": "arn:aws:iam::1:role/api",
        "workerRoleArn": "arn:aws:iam::1:role/worker",
    }
    manifests = rendered(store={"identity": identity})
    for workload, role in {"polarizer-api": "api", "polarizer-worker-cpu": "worker"}.items():
        spec = pods(manifests)[workload]["spec"]
        given = variables(manifests, workload)
        assert given["AWS_ROLE_ARN"]["value"].endswith(f"/{role}")
        (token,) = [volume["projected"] for volume in spec["volumes"] if "projected" in volume]
        path = token["sources"][0]["serviceAccountToken"]["path"]
        (mount,) = [
            mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "identity"
        ]
        file = given["AWS_WEB_IDENTITY_TOKEN_FILE"]["value"]
        assert file == f"{mount['mountPath']}/{path}"
        assert mount["readOnly"] is True
        assert spec["automountServiceAccountToken"] is False
    accounts = {
        spec["spec"]["serviceAccountName"]
        for spec in map(dict, pods(manifests).values())
        if "serviceAccountName" in spec["spec"]
    }
    assert accounts == {"polarizer-api", "polarizer-worker"}


def test_ways_to_the_outside_follow_who_holds_the_models() -> None:
    def backends(**values: Any) -> dict[str, str]:
        manifests = rendered(ingress={"enabled": True, "host": "polarizer.example"}, **values)
        (rule,) = manifests["Ingress", "polarizer"]["spec"]["rules"]
        return {way["path"]: way["backend"]["service"]["name"] for way in rule["http"]["paths"]}

    assert backends() == {
        "/v2": "polarizer-engine",
        "/v1/models": "polarizer-engine",
        "/v1/names": "polarizer-engine",
        "/": "polarizer-api",
    }
    assert backends(engine={"enabled": False}) == {"/": "polarizer-api"}


def test_the_release_gives_the_names() -> None:
    found = {key(document) for document in helm.template(CHART, release="other")}
    assert ("Deployment", "other-api") in found
    assert all(name.startswith("other-") or name == "other" for _, name in found)
