"""The Argo template: its form, and its script run against a real service."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from client import Polarizer
from tests.client.conftest import Files
from tests.client.pipelines.conftest import FAST, Shell, read

TEMPLATE: dict[str, Any] = read("argo/workflow-template.yaml")
SPEC: dict[str, Any] = TEMPLATE["spec"]
STEP: dict[str, Any] = SPEC["templates"][0]
SCRIPT: dict[str, Any] = STEP["script"]
VARIABLE = re.compile(r"\{\{(.*?)\}\}")


def test_its_form() -> None:
    assert TEMPLATE["apiVersion"] == "argoproj.io/v1alpha1"
    assert TEMPLATE["kind"] == "WorkflowTemplate"
    assert SPEC["entrypoint"] == STEP["name"]
    volumes = {volume["name"] for volume in STEP["volumes"]}
    mounted = {mount["name"]: mount["mountPath"] for mount in SCRIPT["volumeMounts"]}
    assert set(mounted) == volumes
    for output in STEP["outputs"]["parameters"]:
        assert output["valueFrom"]["path"].startswith(mounted["out"])
    for artifact in STEP["outputs"]["artifacts"]:
        assert artifact["path"].startswith(mounted["out"])


def test_variables_name_what_there_is() -> None:
    workflow = {one["name"] for one in SPEC["arguments"]["parameters"]}
    step = {one["name"] for one in STEP["inputs"]["parameters"]}
    assert workflow == step
    known = {f"workflow.parameters.{name}" for name in workflow} | {"workflow.uid"}
    known |= {f"inputs.parameters.{name}" for name in step}
    assert set(VARIABLE.findall(str(TEMPLATE))) <= known


def test_what_users_give_never_becomes_program_text() -> None:
    assert not VARIABLE.search(SCRIPT["source"])


def test_only_infrastructure_is_tried_again() -> None:
    assert STEP["retryStrategy"]["expression"] == "asInt(lastRetry.exitCode) == 4"


def test_nothing_is_privileged() -> None:
    context = SCRIPT["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_its_script(
    shell: Shell, url: str, service: Polarizer, files: Files, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    given = {
        "model": service.uploads.create(files.model).id,
        "clean": service.uploads.create(files.clean).id,
        "description": files.description.read_text(),
        "config": FAST,
        "require": "accuracy_before > 90%",
        "url": url,
    }
    environment = {
        entry["name"]: VARIABLE.sub(
            lambda found: given.get(found[1].removeprefix("inputs.parameters."), str(tmp_path)),
            entry["value"],
        )
        for entry in SCRIPT["env"]
        if "value" in entry
    }
    program = SCRIPT["source"].replace("/out", str(out))
    first = shell("bash", "-c", program, **environment)
    assert first.returncode == 0, first.stderr
    defense = (out / "defense_id").read_text()
    assert (out / "passed").read_text() == "true"
    assert (out / "model_id").read_text() == service.defenses.get(defense).model_id
    for artifact in STEP["outputs"]["artifacts"]:
        assert Path(artifact["path"].replace("/out", str(out))).exists()
    again = shell("bash", "-c", program, **environment)
    assert again.returncode == 0, again.stderr
    assert (out / "defense_id").read_text() == defense
