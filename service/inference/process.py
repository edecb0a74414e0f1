"""Starts the engine's process: a fresh interpreter that inherits one socket, one piece of memory,
and no secret."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import service
from service.errors import UnavailableError
from service.inference.arena import Arena
from service.inference.messages import NOTES
from service.settings import Settings

PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES"),
)


def spawn(
    settings: Settings, device: str, arena: Arena
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process and our end of its socket; closing that end tells the engine to go.

    To be called from a thread that lives as long as the engine shall: Linux ends the engine with
    the *thread* that started it. Raises UnavailableError.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            return _start(settings, device, theirs, arena), ours
        except OSError as error:
            ours.close()
            raise UnavailableError(
                f"the inference engine cannot be started: {error.strerror}"
            ) from error


def _start(
    settings: Settings, device: str, connection: socket.socket, arena: Arena
) -> subprocess.Popen[bytes]:
    (settings.cache_dir / NOTES).mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-P", "-m", "service.inference.engine"),
        *("--socket", str(connection.fileno())),
        *("--parent", str(os.getpid())),
        *("--memory", str(arena.descriptor), "--memory-bytes", str(arena.nbytes)),
        *("--device", device),
        *("--backends", ",".join(settings.engine_backends)),
        *("--max-models", str(settings.engine_max_models)),
        *("--model-bytes", str(settings.engine_model_bytes)),
        *("--sandbox", settings.sandbox.value),
    ]
    return subprocess.Popen(  # noqa: S603 - every word is ours
        command,
        cwd=settings.cache_dir,
        env=environment(settings.cache_dir, os.environ),
        pass_fds=(connection.fileno(), arena.descriptor),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def environment(folder: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """The engine's whole environment: what a Python with torch needs, and no credential."""
    return {
        **{name: ours[name] for name in PASSED_ON if name in ours},
        "HOME": str(folder),
        "TMPDIR": str(folder / NOTES),
        "USER": "polarizer",  # or else libraries ask the system's tables of users
        "PYTHONPATH": str(Path(service.__file__).resolve().parent.parent),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # fewer pools that each keep what was freed
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "ORT_DISABLE_TELEMETRY": "1",  # it would open a connection, and the sandbox end the engine
    }
