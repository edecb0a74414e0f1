"""docker-compose.yml: locked down, healthy before it is used, no default secret, real settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"migrate"}
VARIABLE = re.compile(r"\$\{(\w+)(?P<rest>[^}]*)\}")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$")

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@every_service
def test_a_service_can_do_no_more_than_it_must(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert 0 < service["pids_limit"] <= 512
    assert any(mount.startswith("/tmp") for mount in service["tmpfs"])


@every_service
def test_nobody_runs_as_root(service: dict[str, Any]) -> None:
    """Our own image sets its user (test_image.py); the others would start as root without this."""
    assert "build" in service or int(service["user"].split(":")[0]) > 0


@every_service
def test_an_image_of_others_is_pinned(service: dict[str, Any]) -> None:
    if "build" not in service:
        assert re.search(r":\d+\.?\d*", service["image"])
        assert not service["image"].endswith(":latest")


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONE_SHOT))
def test_what_stays_up_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"


@every_service
def test_a_dependency_is_ready_before_it_is_used(service: dict[str, Any]) -> None:
    for name, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
        assert how["condition"] == wanted


def test_only_the_api_is_published_and_on_loopback() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["api"]["ports"])
    assert COMPOSE["networks"]["backend"]["internal"] is True
    outside = [name for name, service in SERVICES.items() if service["networks"] != ["backend"]]
    assert outside == ["api"]


def test_no_secret_has_a_default() -> None:
    for found in VARIABLE.finditer(TEXT):
        if SECRET.search(found[1]):
            assert found["rest"].startswith(":?"), found[0]


@every_service
def test_every_secret_comes_from_outside(service: dict[str, Any]) -> None:
    for name, value in service.get("environment", {}).items():
        if SECRET.search(name) or "://" in str(value) and "@" in str(value):
            assert VARIABLE.search(value), f"{name} is written into the file"


def test_the_example_names_every_variable_and_no_secret() -> None:
    example = (ROOT / "deploy/.env.example").read_text()
    named = dict(re.findall(r"^#?(\w+)=(.*)$", example, re.MULTILINE))
    assert {found[1] for found in VARIABLE.finditer(TEXT)} == named.keys()
    assert not any(value for name, value in named.items() if SECRET.search(name))


def test_defaults_of_the_example_are_those_of_the_file() -> None:
    example = (ROOT / "deploy/.env.example").read_text()
    named = dict(re.findall(r"^#(\w+)=(.*)$", example, re.MULTILINE))
    used = {found[1]: found["rest"].removeprefix(":-") for found in VARIABLE.finditer(TEXT)}
    assert {name: used[name] for name in named} == named


@every_service
def test_every_setting_exists(service: dict[str, Any]) -> None:
    known = {f"POLARIZER_{name}".upper() for name in Settings.model_fields}
    ours = {name for name in service.get("environment", {}) if name.startswith("POLARIZER_")}
    assert ours <= known


@every_service
def test_what_is_mounted_from_here_exists_and_stays_as_it_is(service: dict[str, Any]) -> None:
    for mount in service.get("volumes", []):
        if mount.startswith("."):
            source, _target, mode = mount.split(":")
            assert (ROOT / source).is_file()
            assert mode == "ro"


def test_gpus_are_asked_for_by_the_gpu_profile_only() -> None:
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    assert SERVICES["worker-gpu"]["build"]["args"]["TORCH"] == "cuda"
    assert [name for name, service in SERVICES.items() if "deploy" in service] == ["worker-gpu"]
