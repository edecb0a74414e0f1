"""A model registry that behaves as MLflow's does, as far as the recipe uses it: in folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any


@dataclass
class Registry:
    """Stands for the module ``mlflow``."""

    folder: Path
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    aliases: dict[tuple[str, str], str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    is_running: bool = False
    runs: int = 0

    @property
    def _run(self) -> str:
        return f"run_{self.runs}"

    @property
    def artifacts(self) -> Registry:
        return self

    def MlflowClient(self) -> Registry:  # noqa: N802 - MLflow's name
        return self

    def download_artifacts(self, uri: str, dst_path: str) -> str:
        name, _, alias = uri.removeprefix("models:/").partition("@")
        target = Path(dst_path) / "downloaded"
        shutil.copytree(self.versions[name, self.aliases[name, alias]], target)
        return str(target)

    @contextmanager
    def start_run(self, run_name: str) -> Iterator[Any]:
        assert run_name
        self.is_running = True
        self.runs += 1
        yield SimpleNamespace(info=SimpleNamespace(run_id=self._run))
        self.is_running = False

    def log_params(self, params: dict[str, str]) -> None:
        assert self.is_running
        self.params |= params

    def log_metrics(self, metrics: dict[str, float]) -> None:
        assert self.is_running
        assert all(type(value) is float for value in metrics.values())
        self.metrics |= metrics

    def log_text(self, text: str, name: str) -> None:
        self.texts[name] = text

    def log_artifacts(self, folder: str, name: str) -> None:
        shutil.copytree(folder, self.folder / self._run / name)

    def get_artifact_uri(self, name: str) -> str:
        assert self.is_running
        return str(self.folder / self._run / name)

    def create_model_version(self, name: str, source: str, run_id: str, tags: Any) -> Any:
        assert run_id == self._run
        self.tags |= tags
        version = str(1 + len([one for one, _ in self.versions if one == name]))
        self.versions[name, version] = source
        return SimpleNamespace(version=version)

    def set_registered_model_alias(self, name: str, alias: str, version: str) -> None:
        assert (name, version) in self.versions
        self.aliases[name, alias] = version
