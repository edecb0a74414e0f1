"""Starts a rival's server with one model, in its own environment."""

from __future__ import annotations

from pathlib import Path

from benchmarks.serving.environments import python_of
from benchmarks.serving.processes import Server, free_port, start
from benchmarks.serving.rivals import network

COMMANDS = {
    "litserve": ("-m", "benchmarks.serving.rivals.litserve_app"),
    "bentoml": ("-m", "bentoml", "serve", "benchmarks.serving.rivals.bentoml_app:Predictions"),
}
READY = {"litserve": "/health", "bentoml": "/readyz"}
PATHS = {"litserve": "/predict", "bentoml": "/raw/predict"}


def launch(
    rival: str, model: Path, backend: str, batch: int, threads: int, log: Path, cores: str
) -> Server:
    """Raises RuntimeError when it does not come up."""
    port = free_port()
    environment = {
        network.MODEL: str(model.resolve()),
        network.BACKEND: backend,
        network.THREADS: str(threads),
        network.BATCH: str(batch),
        network.PORT: str(port),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": str(Path.cwd()),
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(log.parent.resolve() / "bentoml"),
    }
    command = [str(python_of(rival)), *COMMANDS[rival]]
    if rival == "bentoml":
        command += ["--host", "127.0.0.1", "--port", str(port)]
    return start(command, port, READY[rival], log, environment, cores)
