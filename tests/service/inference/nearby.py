"""An engine in threads of this process: it starts at once, and its threads see our patches."""

from __future__ import annotations

import socket
import subprocess
import threading

import torch

from service.inference.arena import Arena
from service.inference.engine.memory import Memory
from service.inference.engine.scheduling import Room
from service.inference.engine.serving import Engine
from service.settings import Settings


def spawn_nearby(
    settings: Settings, device: str, arena: Arena
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """In place of ``service.inference.process.spawn``; the process is one that only waits."""
    ours, theirs = socket.socketpair()
    memory = Memory(arena.descriptor, arena.nbytes)
    room = Room(settings.engine_max_models, settings.engine_model_bytes)
    engine = Engine(theirs, memory, torch.device(device or "cpu"), room, settings.engine_backends)
    threading.Thread(target=engine.serve, daemon=True).start()
    return subprocess.Popen(["/bin/sleep", "600"]), ours
