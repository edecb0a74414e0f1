"""Every pod of every profile: locked down, bounded, asked how it is, and given time to leave."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from service.settings import Settings
from tests.deploy.kubernetes.reading import (
    PROFILES,
    ROOT,
    Manifests,
    containers,
    labels,
    matches,
    of_kind,
    pods,
)
from worker.workplace import DEAD_AFTER_SECONDS

every_profile = pytest.mark.parametrize("manifests", PROFILES.values(), ids=PROFILES)
SAMPLES = {
    "POLARIZER_DATABASE_URL": "postgresql+psycopg://polarizer:x@postgres/polarizer",
    "POLARIZER_BROKER_URL": "redis://:x@redis:6379/0",
    "POLARIZER_WEBHOOK_KEY": "x" * 32,
}
"""What a Secret would hold."""


def environment(manifests: Manifests, container: dict[str, Any]) -> dict[str, str]:
    """The variables that a container gets."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= manifests["ConfigMap", source["configMapRef"]["name"]]["data"]
    for variable in container["env"]:
        found[variable["name"]] = variable.get("value") or SAMPLES.get(variable["name"], "")
    return found


@every_profile
def test_a_pod_can_do_no_more_than_it_must(manifests: Manifests) -> None:
    for name, pod in pods(manifests).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 10_000
        assert context["seccompProfile"]["type"] in {"RuntimeDefault", "Localhost"}
        assert all("hostPath" not in volume for volume in spec["volumes"])
        assert all(volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"])


@every_profile
def test_a_container_can_do_no_more_than_it_must(manifests: Manifests) -> None:
    for container in containers(manifests):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in context


@every_profile
def test_it_is_the_user_of_the_image_who_may_write_where_the_image_writes(
    manifests: Manifests,
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    found = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    assert found
    for pod in pods(manifests).values():
        context = pod["spec"]["securityContext"]
        assert (str(context["runAsUser"]), str(context["runAsGroup"])) == found.groups()
        assert context["fsGroup"] == context["runAsGroup"]
    for container in containers(manifests):
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {"/data", "/tmp"} <= mounts


@every_profile
def test_memory_and_processor_are_asked_for_and_bounded(manifests: Manifests) -> None:
    for container in containers(manifests):
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys()
        assert "memory" in resources["limits"]


@every_profile
def test_a_name_of_an_image_says_which(manifests: Manifests) -> None:
    for container in containers(manifests):
        assert re.search(r":\d+\.\d+|@sha256:", container["image"])


@every_profile
def test_no_secret_is_written_down(manifests: Manifests) -> None:
    assert not of_kind(manifests, "Secret")
    for document in of_kind(manifests, "ConfigMap"):
        assert not re.search(r"password|secret|://[^/]*@", str(document), re.IGNORECASE)
    secret = re.compile(r"PASSWORD|SECRET|TOKEN$|_KEY|DATABASE_URL|BROKER_URL")
    for container in containers(manifests):
        for variable in container["env"]:
            if secret.search(variable["name"]):
                assert "secretKeyRef" in variable["valueFrom"], variable["name"]


@every_profile
def test_every_setting_exists_and_is_valid(
    manifests: Manifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {f"POLARIZER_{name}".upper() for name in Settings.model_fields}
    for container in containers(manifests):
        given = environment(manifests, container)
        ours = {name: value for name, value in given.items() if name.startswith("POLARIZER_")}
        assert ours.keys() <= known
        with monkeypatch.context() as patched:
            for name, value in ours.items():
                patched.setenv(name, value)
            try:
                settings = Settings()
            except ValidationError as error:
                pytest.fail(f"{container['name']}: {error}")
        assert settings.database.startswith("postgresql")


@every_profile
def test_what_stays_up_is_asked_how_it_is(manifests: Manifests) -> None:
    for document in of_kind(manifests, "Deployment"):
        for container in document["spec"]["template"]["spec"]["containers"]:
            assert {"startupProbe", "livenessProbe"} <= container.keys()
            start = container["startupProbe"]
            assert start["periodSeconds"] * start["failureThreshold"] >= 120
            if container["args"][-1] == "api":
                assert start["httpGet"]["path"] == "/readyz"
                assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
                assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
            else:
                assert container["livenessProbe"]["exec"]["command"] == [
                    *("python", "-m", "worker", "healthy")
                ]
                patience = container["livenessProbe"]["periodSeconds"]
                assert patience * 3 > DEAD_AFTER_SECONDS


@every_profile
def test_there_is_time_to_leave(manifests: Manifests) -> None:
    """Longer than the process takes by itself, so that the kubelet never has to kill it."""
    for document in of_kind(manifests, "Deployment"):
        spec = document["spec"]["template"]["spec"]
        for container in spec["containers"]:
            given = environment(manifests, container)
            sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
            needed = (
                sleep.get("seconds", 0)
                + float(given.get("POLARIZER_DRAIN_SECONDS", 0))
                + float(given["POLARIZER_SHUTDOWN_SECONDS"])
            )
            assert spec["terminationGracePeriodSeconds"] >= needed + 10
            assert bool(sleep) == (container["args"][-1] == "api")


@every_profile
def test_a_selector_finds_its_own_pods_and_no_others(manifests: Manifests) -> None:
    made = pods(manifests)
    for document in of_kind(manifests, "Deployment", "PodDisruptionBudget", "Service"):
        selector = document["spec"]["selector"]
        if document["kind"] == "Service":
            selector = {"matchLabels": selector}
        found = [name for name, pod in made.items() if matches(selector, labels(pod))]
        assert found == [document["metadata"]["name"]]


@every_profile
def test_pods_of_a_kind_are_spread(manifests: Manifests) -> None:
    for document in of_kind(manifests, "Deployment"):
        template = document["spec"]["template"]
        found = template["spec"]["topologySpreadConstraints"]
        keys = {constraint["topologyKey"] for constraint in found}
        assert keys == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        for constraint in found:
            assert matches(constraint["labelSelector"], labels(template))


def test_high_availability_survives_a_zone() -> None:
    manifests = PROFILES["high-availability"]
    for document in of_kind(manifests, "Deployment"):
        for constraint in document["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert constraint["whenUnsatisfiable"] == "DoNotSchedule"
            assert constraint["nodeTaintsPolicy"] == "Honor"
    assert len(of_kind(manifests, "PodDisruptionBudget")) == 3
    for document in of_kind(manifests, "HorizontalPodAutoscaler"):
        assert document["spec"]["minReplicas"] >= 3


def test_gpus_are_asked_for_where_they_are_used_and_nowhere_else() -> None:
    for name, manifests in PROFILES.items():
        for workload, pod in pods(manifests).items():
            spec = pod["spec"]
            (container,) = spec["containers"]
            given = environment(manifests, container)
            asked = container["resources"]["limits"].get("nvidia.com/gpu", 0)
            assert bool(asked) == (given.get("POLARIZER_DEVICE") == "cuda"), (name, workload)
            if asked:
                assert spec["nodeSelector"]
                assert any(entry["key"] == "nvidia.com/gpu" for entry in spec["tolerations"])
                assert "gpu" in container["image"]
    assert ("Deployment", "polarizer-worker-gpu") in PROFILES["gpu"]


@every_profile
def test_nothing_runs_by_a_clock(manifests: Manifests) -> None:
    """The reaper and the sweep run in every API process; a CronJob is only a pattern for Jobs."""
    assert ("Deployment", "polarizer-api") in manifests
    assert all(document["spec"]["suspend"] for document in of_kind(manifests, "CronJob"))
