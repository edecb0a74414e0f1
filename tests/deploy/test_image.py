"""The Dockerfile and what it copies. hadolint checks the rest (``make check``)."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", DOCKERFILE)).splitlines()
IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
]


def stages() -> dict[str, list[str]]:
    """The instructions of each stage with those of the stages it is made from."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in INSTRUCTIONS:
        if line.startswith("FROM "):
            _, base, _, name = line.split()
            current = found.setdefault(name, list(found.get(base, [])))
        current.append(line)
    return found


SERVED = {name: lines for name, lines in stages().items() if name in {"api", "worker"}}
each_target = pytest.mark.parametrize("lines", SERVED.values(), ids=SERVED)


def copied() -> list[str]:
    """What is copied from the repository."""
    lines = [line.split() for line in INSTRUCTIONS if line.startswith("COPY ")]
    return [source for words in lines if "--from=build" not in words for source in words[1:-1]]


@each_target
def test_a_process_runs_as_nobody_in_particular(lines: list[str]) -> None:
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert int(users[-1].split(":")[0]) >= 10_000


@each_target
def test_a_process_says_whether_it_is_well_and_obeys_signals(lines: list[str]) -> None:
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert 'ENTRYPOINT ["tini", "--"]' in lines


@each_target
def test_nothing_is_installed_or_built_in_the_last_stage(lines: list[str]) -> None:
    for line in lines:
        assert not re.search(r"apt-get|pip |gcc|curl", line), line


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    kept = [pattern.removeprefix("!") for pattern in IGNORED if pattern.startswith("!")]
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source in kept, f".dockerignore holds {source} back"


def test_secrets_and_data_never_reach_the_builder() -> None:
    kept = [pattern.removeprefix("!") for pattern in IGNORED if pattern.startswith("!")]
    assert IGNORED[0] == "*"
    for path in [".env", ".git", ".venv", "data", "tests", "deploy/.env"]:
        assert not any(fnmatch(path, pattern) for pattern in kept), path


def test_every_package_is_in_the_image() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in found} <= set(copied())


def test_requirements_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    done = subprocess.run(
        [sys.executable, "deploy/requirements.py", "service", "worker"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["service"], *extras["worker"]]
    assert done.stdout.splitlines() == wanted


@pytest.mark.parametrize("variant", ["", "rocm"])
def test_an_unknown_build_of_torch_is_refused(variant: str) -> None:
    done = subprocess.run(
        ["sh", "deploy/install-torch", variant],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cpu or cuda" in done.stderr


def test_the_image_tells_what_it_holds() -> None:
    (made,) = (line for line in stages()["build"] if "cyclonedx-py environment" in line)
    assert "--output-file /opt/polarizer/sbom.json /opt/polarizer/bin/python" in made
    for lines in SERVED.values():
        assert any(line == "COPY --from=build /opt/polarizer /opt/polarizer" for line in lines)
