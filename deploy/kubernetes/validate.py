"""``python -m deploy.kubernetes.validate [FILE…]``: manifests against the schemas of Kubernetes.

Reads YAML from the files, or from standard input: ``kubectl kustomize DIR | python -m …``. Says
what is wrong, one a line, and exits 1 if anything is. Strict: a field that the API does not know is
an error. Needs no network: the schemas come with the package kubernetes-validate, those of custom
resources lie in ``schemas/``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ("1.30", "1.33", "1.37")
"""Of Kubernetes: the oldest that the chart installs on, the newest that there are schemas for, and
one between."""

SCHEMAS = Path(__file__).parent / "schemas"
Document = dict[str, Any]


def problems(document: Document) -> Iterator[str]:
    """What is wrong with one manifest."""
    if custom := _custom(document["apiVersion"], document["kind"]):
        for error in jsonschema.Draft7Validator(custom).iter_errors(document):
            yield f"{_place(document)}: {error.json_path}: {error.message}"
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            yield f"{_place(document)}: Kubernetes {version}: {path}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{_place(document)}: Kubernetes {version} has no {document['apiVersion']}"


@cache
def _custom(version: str, kind: str) -> Document | None:
    path = SCHEMAS / f"{version.replace('/', '-')}-{kind.lower()}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _place(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def main(paths: Sequence[str]) -> int:
    """The exit status."""
    texts = [Path(path).read_text() for path in paths] or [sys.stdin.read()]
    documents = [document for text in texts for document in yaml.safe_load_all(text) if document]
    found = [problem for document in documents for problem in problems(document)]
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    sys.stdout.write(f"{len(documents)} manifests, {len(found)} problems\n")
    return 1 if found or not documents else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
