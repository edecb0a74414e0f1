"""Who may speak to whom: the NetworkPolicies, evaluated as Kubernetes does."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
import yaml

from deploy.kubernetes import helm
from deploy.kubernetes.kustomize import key
from service.webhooks import addresses
from tests.deploy.kubernetes.reading import (
    HERE,
    PROFILES,
    ROOT,
    Manifests,
    labels,
    matches,
    of_kind,
    pods,
)

every_profile = pytest.mark.parametrize("manifests", PROFILES.values(), ids=PROFILES)
SCRAPED = ROOT / "deploy/prometheus/prometheus.yml"
DNS, DATABASE, BROKER, STORE, API = 53, 5432, 6379, 443, "http"


def policies(manifests: Manifests, pod: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Those that hold for a pod, of one direction. Without any, everything would be allowed."""
    return [
        policy["spec"]
        for policy in of_kind(manifests, "NetworkPolicy")
        if kind in policy["spec"]["policyTypes"]
        and matches(policy["spec"]["podSelector"], labels(pod))
    ]


def ways_out(manifests: Manifests, pod: dict[str, Any]) -> set[int]:
    """Ports that a pod may reach, anywhere at all."""
    found = policies(manifests, pod, "Egress")
    assert found, "nothing closes this pod"
    return {
        port["port"] for spec in found for rule in spec.get("egress", []) for port in rule["ports"]
    }


def ways_in(manifests: Manifests, pod: dict[str, Any]) -> set[str]:
    found = policies(manifests, pod, "Ingress")
    assert found, "nothing closes this pod"
    return {
        port["port"] for spec in found for rule in spec.get("ingress", []) for port in rule["ports"]
    }


@every_profile
def test_a_worker_reaches_what_it_needs_and_tells_metrics_at_most(manifests: Manifests) -> None:
    found = [pod for name, pod in pods(manifests).items() if "-worker-" in name]
    assert found
    watched = {"metrics"} if of_kind(manifests, "PodMonitor") else set()
    for pod in found:
        assert ways_in(manifests, pod) == watched
        assert ways_out(manifests, pod) == {DNS, DATABASE, BROKER, STORE}


@every_profile
def test_a_command_reaches_the_database_only(manifests: Manifests) -> None:
    for name in ("polarizer-migrate", "polarizer-first-key"):
        pod = pods(manifests)[name]
        assert ways_in(manifests, pod) == set()
        assert ways_out(manifests, pod) == {DNS, DATABASE}


@every_profile
def test_who_answers_is_reached_by_its_port_only(manifests: Manifests) -> None:
    for name, pod in pods(manifests).items():
        if pod["spec"]["containers"][0]["args"][-1] == "api":
            assert ways_in(manifests, pod) == {API}, name
            assert ways_out(manifests, pod) == {DNS, DATABASE, BROKER, STORE}


ADDRESSES = [
    *("10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "93.184.216.34"),
    *("::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "2606:2800:220:1::1"),
    *(str(network[end]) for network in addresses._NOT_PUBLIC for end in (0, -1)),
]


@every_profile
@pytest.mark.parametrize("address", dict.fromkeys(ADDRESSES))
def test_webhooks_reach_what_the_service_takes_for_public(
    manifests: Manifests, address: str
) -> None:
    policy = manifests["NetworkPolicy", "polarizer-web"]["spec"]
    blocks = [
        peer["ipBlock"]
        for rule in policy["egress"]
        for peer in rule.get("to", [])
        if "ipBlock" in peer
    ]
    assert len(blocks) == 2, "of both versions"
    wanted = ipaddress.ip_address(address)

    def within(cidr: str) -> bool:
        network = ipaddress.ip_network(cidr)
        return network.version == wanted.version and wanted in network

    is_open = any(
        within(block["cidr"]) and not any(map(within, block["except"])) for block in blocks
    )
    assert is_open == addresses.is_public(wanted)


@pytest.mark.skipif(not helm.is_here(), reason="helm-python-sdk is not installed")
def test_a_collector_of_traces_is_told_and_reached_where_there_is_one() -> None:
    endpoint, port = "http://collector.monitoring:4318", 4318
    found = helm.template(HERE / "chart", values={"traces": {"endpoint": endpoint}})
    manifests = {key(document): document for document in found}
    told = manifests["ConfigMap", "polarizer-settings"]["data"]
    assert told["POLARIZER_TRACES_ENDPOINT"] == endpoint
    names = {"api": "polarizer-api", "engine": "polarizer-engine"}
    for name, pod in pods(manifests).items():
        (container,) = pod["spec"]["containers"]
        if "envFrom" in container and labels(pod).get("polarizer/room") != "command":
            assert port in ways_out(manifests, pod), name
        else:
            assert port not in ways_out(manifests, pod), "it makes no traces"
        given = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert given.get("OTEL_SERVICE_NAME") == names.get(container["name"])


def test_what_watches_the_service_finds_its_pods_and_their_ports() -> None:
    manifests = PROFILES["high-availability"]
    jobs = {job["job_name"] for job in yaml.safe_load(SCRAPED.read_text())["scrape_configs"]}
    found = of_kind(manifests, "PodMonitor")
    assert {
        monitor["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["replacement"]
        for monitor in found
    } == jobs
    for monitor in found:
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        selector = monitor["spec"]["selector"]
        watched = [pod for pod in pods(manifests).values() if matches(selector, labels(pod))]
        assert watched
        for pod in watched:
            (container,) = pod["spec"]["containers"]
            assert endpoint["port"] in [port["name"] for port in container["ports"]]
            assert endpoint["port"] in ways_in(manifests, pod)
