"""From the chart's documents to a Kustomize base, and to overlays that say what is different."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Document = dict[str, Any]
Key = tuple[str, str]
Files = dict[str, str]
"""Contents by path, relative to the folder of a base or an overlay."""

RELEASE = "polarizer"
NOTE = "# Made from the chart by `make manifests`: change the chart, or an overlay of your own.\n"
KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def key(document: Mapping[str, Any]) -> Key:
    """What tells a document from the others."""
    return document["kind"], document["metadata"]["name"]


def base(documents: list[Document]) -> Files:
    """A file for each document, and the kustomization that names them."""
    files = {_filename(document): dumped(document) for document in documents}
    return {**files, "kustomization.yaml": dumped({**KUSTOMIZATION, "resources": sorted(files)})}


def overlay(ours: list[Document], wanted: list[Document], to_base: str) -> Files:
    """What makes ``ours``, the base, into ``wanted``: new files, patches (RFC 6902) of documents
    that differ, and deletions."""
    before, after = ({key(document): document for document in side} for side in (ours, wanted))
    added = {_filename(after[name]): dumped(after[name]) for name in after if name not in before}
    patched: Files = {}
    patches: list[dict[str, Any]] = []
    for name in sorted(before):
        if name not in after:
            patches.append({"patch": dumped(_deletion(before[name]), note="")})
        elif steps := list(changes(before[name], after[name])):
            path = f"patch-{_filename(before[name])}"
            patched[path] = dumped(steps)
            patches.append({"path": path, "target": dict(zip(("kind", "name"), name, strict=True))})
    kustomization = {**KUSTOMIZATION, "resources": [to_base, *sorted(added)], "patches": patches}
    return {**added, **patched, "kustomization.yaml": dumped(kustomization)}


def changes(before: object, after: object, path: str = "") -> Iterator[dict[str, Any]]:
    """Steps of a JSON patch. Lists of the same length are compared entry by entry."""
    match before, after:
        case dict(), dict():
            for name in sorted(before.keys() - after.keys()):
                yield {"op": "remove", "path": _into(path, name)}
            for name, value in after.items():
                if name not in before:
                    yield {"op": "add", "path": _into(path, name), "value": value}
                else:
                    yield from changes(before[name], value, _into(path, name))
        case list(), list() if len(before) == len(after):
            for index, (old, new) in enumerate(zip(before, after, strict=True)):
                yield from changes(old, new, _into(path, str(index)))
        case _ if before != after:
            yield {"op": "replace", "path": path, "value": after}


def dumped(content: object, note: str = NOTE) -> str:
    """As YAML, in the style that the repository's lint asks for."""
    return note + yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=100
    )


class _Dumper(yaml.SafeDumper):
    """Indents lists, writes texts of several lines as blocks, and knows no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _deletion(document: Document) -> Document:
    name = {"name": document["metadata"]["name"]}
    kept = {part: document[part] for part in ("apiVersion", "kind")}
    return {"$patch": "delete", **kept, "metadata": name}


def _filename(document: Mapping[str, Any]) -> str:
    kind, name = key(document)
    ending = name.removeprefix(RELEASE).removeprefix("-")
    return "-".join(filter(None, (kind.lower(), ending))) + ".yaml"


def _into(path: str, name: str) -> str:
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
