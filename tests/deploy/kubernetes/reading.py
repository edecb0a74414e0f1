"""The manifests as a cluster would get them, by a small Kustomize of our own.

It knows what our overlays use: resources, patches by RFC 6902, and deletions. ``kubectl``, where
there is one, must give the same (test_agreement.py).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.kubernetes.kustomize import Document, Key, key

ROOT = Path(__file__).parents[3]
HERE = ROOT / "deploy/kubernetes"
OVERLAYS = sorted(path.name for path in (HERE / "overlays").iterdir())
FOLDERS = {"base": HERE / "base", **{name: HERE / "overlays" / name for name in OVERLAYS}}
Manifests = dict[Key, Document]


def built(folder: Path) -> Manifests:
    """What ``kubectl kustomize`` would print for this folder."""
    found: Manifests = {}
    content = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for name in content["resources"]:
        path = folder / name
        if path.is_dir():
            found |= built(path)
        else:
            document = yaml.safe_load(path.read_text())
            found[key(document)] = document
    for patch in content.get("patches", []):
        _patch(found, patch, folder)
    return found


def _patch(found: Manifests, patch: dict[str, Any], folder: Path) -> None:
    if "patch" in patch:
        deletion = yaml.safe_load(patch["patch"])
        assert deletion["$patch"] == "delete"
        del found[key(deletion)]
        return
    target = patch["target"]["kind"], patch["target"]["name"]
    for step in yaml.safe_load((folder / patch["path"]).read_text()):
        _step(found[target], step)


def _step(document: Document, step: dict[str, Any]) -> None:
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/"))
    place: Any = document
    for part in way[1:]:
        place = place[int(part)] if isinstance(place, list) else place[part]
    where: Any = int(last) if isinstance(place, list) else last
    if step["op"] == "add":
        assert where not in place
    if step["op"] == "remove":
        del place[where]
    else:
        place[where] = copy.deepcopy(step["value"])


PROFILES = {name: built(folder) for name, folder in FOLDERS.items()}


def of_kind(manifests: Manifests, *kinds: str) -> list[Document]:
    return [document for (kind, _), document in manifests.items() if kind in kinds]


def pods(manifests: Manifests) -> dict[str, Document]:
    """Pod templates by the name of what makes them."""
    found = {}
    for document in of_kind(manifests, "Deployment", "Job"):
        found[document["metadata"]["name"]] = document["spec"]["template"]
    for document in of_kind(manifests, "CronJob"):
        template = document["spec"]["jobTemplate"]["spec"]["template"]
        found[document["metadata"]["name"]] = template
    return found


def containers(manifests: Manifests) -> Iterator[Document]:
    for pod in pods(manifests).values():
        yield from pod["spec"]["containers"]


def labels(pod: Document) -> dict[str, str]:
    return pod["metadata"]["labels"]


def matches(selector: Document, labels: dict[str, str]) -> bool:
    """Of a label selector; an empty one matches everything."""
    wanted = selector.get("matchLabels", {})
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(name) == value for name, value in wanted.items())
