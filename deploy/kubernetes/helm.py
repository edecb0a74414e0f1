"""Renders the chart as Helm does, by Helm's own library. No cluster, no network.

``python -m deploy.kubernetes.helm`` is the process in which that happens: it reads an order as JSON
from standard input and answers in JSON. A runtime of another language does not come into the
process of who asks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from deploy.kubernetes.kustomize import RELEASE, Document

ROOT = Path(__file__).parents[2]
KUBERNETES = "v1.30.0"
SECONDS = 300.0


class ChartError(Exception):
    """The chart refuses these values, or is wrong."""


def is_here() -> bool:
    """Whether Helm's library is installed; there are platforms without."""
    return find_spec("helm_python") is not None


def template(
    chart: Path,
    profile: Path | None = None,
    *,
    values: dict[str, Any] | None = None,
    release: str = RELEASE,
) -> list[Document]:
    """What ``helm template`` prints. ``profile`` is a file of values, ``values`` go over it.

    Raises ChartError.
    """
    given = yaml.safe_load(profile.read_text(encoding="utf-8")) if profile else {}
    order = {"chart": str(chart), "values": {**given, **(values or {})}, "release": release}
    rendered = json.loads(_answer(json.dumps(order, sort_keys=True)))
    manifests = [rendered[name] for name in sorted(rendered) if name.endswith(".yaml")]
    return [document for text in manifests for document in yaml.safe_load_all(text) if document]


def lint(chart: Path) -> list[str]:
    """What ``helm lint --strict`` has to say; empty if nothing."""
    found: list[str] = json.loads(_answer(json.dumps({"chart": str(chart), "lint": True})))
    return found


@cache
def _answer(order: str) -> str:
    done = subprocess.run(  # noqa: S603 - the command is ours
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        input=order,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise ChartError(done.stderr.strip() or f"ended with status {done.returncode}")
    return done.stdout


def _serve(order: dict[str, Any]) -> object:
    import helm_python  # 85 MB that only this process needs
    from helm_python import chart

    try:
        if "lint" in order:
            report = chart.lint(order["chart"], strict=True, kube_version=KUBERNETES)
            told = [f"{one['path']}: {one['error']}" for one in report["messages"]]
            return [*told, *report["errors"]]
        with chart.Chart.load(order["chart"]) as loaded:
            loaded.validate_schema(order["values"])
            return loaded.render(order["values"], name=order["release"], namespace="default")
    except helm_python.HelmError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    json.dump(_serve(json.load(sys.stdin)), sys.stdout)
