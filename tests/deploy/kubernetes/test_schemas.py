"""Every manifest against the schemas of several versions of Kubernetes, and of KEDA."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes import validate
from tests.deploy.kubernetes.reading import PROFILES, of_kind

MANIFESTS = {
    f"{profile} {kind} {name}": document
    for profile, manifests in PROFILES.items()
    for (kind, name), document in manifests.items()
    if profile == "base" or PROFILES["base"].get((kind, name)) != document
}


@pytest.mark.parametrize("document", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_is_what_the_schema_says(document: dict[str, Any]) -> None:
    assert list(validate.problems(document)) == []


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """One version is enough to see that something is found."""
    monkeypatch.setattr(validate, "VERSIONS", validate.VERSIONS[-1:])


@pytest.mark.usefixtures("newest")
def test_a_field_that_there_is_not_is_found_in_every_kind() -> None:
    kinds = {document["kind"]: document for document in MANIFESTS.values()}
    assert len(kinds) >= 12
    for document in kinds.values():
        wrong = copy.deepcopy(document)
        part = wrong.get("spec", wrong)
        part["replikas"] = 3
        assert list(validate.problems(wrong)), document["kind"]


def test_a_wrong_type_is_found() -> None:
    wrong = copy.deepcopy(PROFILES["base"]["Deployment", "polarizer-api"])
    wrong["spec"]["replicas"] = "two"
    found = list(validate.problems(wrong))
    assert len(found) == len(validate.VERSIONS)
    assert "Deployment/polarizer-api" in found[0]
    assert "replicas" in found[0]


@pytest.mark.usefixtures("newest")
def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("Deployment", "Service", "ConfigMap")
    good = yaml.safe_dump_all(of_kind(PROFILES["small"], *few))
    monkeypatch.setattr("sys.stdin", io.StringIO(good))
    assert validate.main([]) == 0
    file = tmp_path / "wrong.yaml"
    file.write_text(good.replace("replicas: ", "replikas: "))
    assert validate.main([str(file)]) == 1
    assert "replikas" in capsys.readouterr().out
    file.write_text("")
    assert validate.main([str(file)]) == 1
