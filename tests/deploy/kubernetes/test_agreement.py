"""The chart is the one source: base and overlays are what is rendered from it, and stay so."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes import helm, kustomize, render
from deploy.kubernetes.kustomize import key
from tests.deploy.kubernetes.reading import FOLDERS, HERE, OVERLAYS, PROFILES, Manifests

CHART = HERE / "chart"
needs_helm = pytest.mark.skipif(not helm.is_here(), reason="helm-python-sdk is not installed")


def by_key(documents: list[dict[str, Any]]) -> Manifests:
    found = {key(document): document for document in documents}
    assert len(found) == len(documents)
    return found


@needs_helm
def test_what_is_committed_is_what_the_chart_gives() -> None:
    changed = render.differences(render.rendered(), render.committed())
    assert not changed, "run `make manifests`:\n" + "\n".join(changed[:60])


@needs_helm
def test_helms_lint_finds_nothing() -> None:
    assert render.linted() == []


def test_a_difference_is_seen() -> None:
    before = {"base/a.yaml": "a: 1\n", "base/b.yaml": "b: 1\n"}
    assert render.differences(before, dict(before)) == []
    assert "+a: 1" in render.differences(before, {**before, "base/a.yaml": "a: 2\n"})
    assert "-b: 1" in render.differences({"base/a.yaml": "a: 1\n"}, before)


def test_there_is_an_overlay_for_every_profile() -> None:
    assert sorted(render.PROFILES) == OVERLAYS == ["gpu", "high-availability", "small"]


@needs_helm
def test_the_base_is_the_chart_with_its_own_values() -> None:
    assert PROFILES["base"] == by_key(helm.template(CHART))


@needs_helm
@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_the_chart_with_the_values_of_its_profile(name: str) -> None:
    assert PROFILES[name] == by_key(helm.template(CHART, render.PROFILES[name]))


@pytest.mark.parametrize("name", FOLDERS)
def test_kubectl_builds_the_same(name: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here")
    found = subprocess.run(
        [kubectl, "kustomize", str(FOLDERS[name])], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert by_key(list(yaml.safe_load_all(found.stdout))) == PROFILES[name]


def test_the_steps_of_a_patch_lead_from_one_to_the_other(tmp_path: Path) -> None:
    before = {"a": {"x/y": 1, "gone": 2}, "list": [{"n": 1}, {"n": 2}], "other": [1]}
    after = {"a": {"x/y": 3, "new": {}}, "list": [{"n": 1}, {"n": 5}], "other": [1, 2]}
    steps = list(kustomize.changes(before, after))
    assert [(step["op"], step["path"]) for step in steps] == [
        ("remove", "/a/gone"),
        ("replace", "/a/x~1y"),
        ("add", "/a/new"),
        ("replace", "/list/1/n"),
        ("replace", "/other"),
    ]
