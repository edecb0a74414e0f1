"""``python -m deploy.kubernetes.render [--check]``: base and overlays from the chart.

The chart is the one source. Without arguments what is derived from it is written; with ``--check``
nothing is, and the exit status is 1 where something differs, or is not as Helm or the schemas of
Kubernetes want it. Run in the repository's root.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.kubernetes import helm, kustomize, validate
from deploy.kubernetes.kustomize import Files

HERE = Path(__file__).parent
CHART = HERE / "chart"
PROFILES = {path.stem: path for path in sorted((HERE / "profiles").glob("*.yaml"))}
DERIVED = ("base", "overlays")


def rendered() -> Files:
    """Everything that is derived, by path in this folder."""
    ours = helm.template(CHART)
    files = {f"base/{path}": content for path, content in kustomize.base(ours).items()}
    for name, profile in PROFILES.items():
        wanted = helm.template(CHART, profile)
        found = kustomize.overlay(ours, wanted, "../../base")
        files |= {f"overlays/{name}/{path}": content for path, content in found.items()}
    return files


def committed() -> Files:
    """What is there."""
    paths = [path for folder in DERIVED for path in (HERE / folder).rglob("*.yaml")]
    return {str(path.relative_to(HERE)): path.read_text(encoding="utf-8") for path in paths}


def differences(wanted: Files, found: Files) -> list[str]:
    """Lines of a diff from what is there to what should be."""
    lines: list[str] = []
    for path in sorted(wanted.keys() | found.keys()):
        before, after = found.get(path, ""), wanted.get(path, "")
        lines += difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm=""
        )
    return lines


def linted() -> list[str]:
    """What Helm's lint has to say; a chart needs no picture."""
    return [line for line in helm.lint(CHART) if "icon is recommended" not in line]


def wrong() -> list[str]:
    """What the schemas have to say about any profile."""
    found: list[str] = []
    for profile in (None, *PROFILES.values()):
        for document in helm.template(CHART, profile):
            found += validate.problems(document)
    return found


def write(wanted: Files) -> None:
    """Writes them, and removes what is derived no more."""
    for path in committed().keys() - wanted.keys():
        (HERE / path).unlink()
    for path, content in wanted.items():
        file = HERE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """The exit status."""
    wanted = rendered()
    if "--check" not in arguments:
        write(wanted)
        return 0
    lines = [*differences(wanted, committed()), *linted(), *wrong()]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
