"""Starts the engine's process: a fresh interpreter that inherits one socket and no secret."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import service
from service.errors import UnavailableError
from service.settings import Settings

PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES"),
)


def spawn(settings: Settings) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process and our end of its socket; closing that end tells the engine to go.

    To be called from a thread that lives as long as the engine shall: Linux ends the engine with
    the *thread* that started it. Raises UnavailableError.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            return _start(settings, theirs), ours
        except OSError as error:
            ours.close()
            raise UnavailableError(
                f"the inference engine cannot be started: {error.strerror}"
            ) from error


def _start(settings: Settings, connection: socket.socket) -> subprocess.Popen[bytes]:
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-P", "-m", "service.inference.engine"),
        *("--socket", str(connection.fileno())),
        *("--parent", str(os.getpid())),
        *("--device", settings.device),
        *("--max-models", str(settings.engine_max_models)),
    ]
    return subprocess.Popen(  # noqa: S603 - every word is ours
        command,
        cwd=settings.cache_dir,
        env=environment(settings.cache_dir, os.environ),
        pass_fds=(connection.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def environment(folder: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """The engine's whole environment: what a Python with torch needs, and no credential."""
    return {
        **{name: ours[name] for name in PASSED_ON if name in ours},
        "HOME": str(folder),
        "PYTHONPATH": str(Path(service.__file__).resolve().parent.parent),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
