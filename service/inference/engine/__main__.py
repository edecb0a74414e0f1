"""``python -m service.inference.engine``: started by the web process, and never outlives it."""

from __future__ import annotations

import argparse
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path

from confinement import Allowance, Files, Mode, confine_calls, confine_files
from confinement.limits import limit
from service.inference.messages import NOTES

_PR_SET_PDEATHSIG = 1
LARGEST_NOTE = 64 << 20
"""Bytes that a file may have which the engine writes."""


def main() -> None:
    """Serves the inherited socket."""
    options = _options()
    _die_with(options.parent)
    allowance = allowance_of(options)
    mode = Mode(options.sandbox)
    confine_files(Files(readable=_readable(allowance), writable=[Path(NOTES)]), allowance, mode)
    limit({resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: LARGEST_NOTE})
    logging.basicConfig(stream=sys.stderr, format="engine: %(levelname)s %(name)s %(message)s")
    threading.excepthook = _end_after
    connection = socket.socket(fileno=options.socket)

    from service.inference.engine.loading import choose_device
    from service.inference.engine.memory import Memory
    from service.inference.engine.saying import Saying
    from service.inference.engine.scheduling import Room
    from service.inference.engine.serving import Engine

    memory = Memory(options.memory, options.memory_bytes)
    room = Room(options.max_models, options.model_bytes)
    gc.freeze()  # what is there now stays: tidying up looks at the rest only
    backends = [name for name in options.backends.split(",") if name]
    engine = Engine(connection, memory, choose_device(options.device), room, backends)
    logging.getLogger().handlers = [Saying(engine.say)]
    logging.captureWarnings(True)
    confine_calls(allowance, mode, listened=False)
    engine.serve()
    os._exit(0)  # not waiting for the threads that decode and compute


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--backends", default="")
    parser.add_argument("--sandbox", default=Mode.WARN.value)
    for number in ("--memory", "--memory-bytes", "--max-models", "--model-bytes"):
        parser.add_argument(number, type=int, required=True)
    return parser.parse_args()


def allowance_of(options: argparse.Namespace) -> Allowance:
    """``compiled`` runs a compiler, so it takes an operator who names it to open that way."""
    device = options.device
    gpu = device.startswith("cuda") or (not device and Path("/dev/nvidiactl").exists())
    programs = gpu and "compiled" in options.backends.split(",")
    return Allowance(socket=options.socket, conversing=True, gpu=gpu, programs=programs)


def _readable(allowance: Allowance) -> list[Path]:
    """The cache, which is the current folder."""
    return [Path.cwd(), *([Path("/usr"), Path("/bin")] if allowance.programs else [])]


def _die_with(parent: int) -> None:
    """The kernel kills this process when its parent ends, however that happens (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the process that started the engine is gone")


def _end_after(failure: threading.ExceptHookArgs) -> None:
    """A thread of the engine is lost: better no engine than one that never answers. There is no
    time left for the log to be told; of the exception its type says enough."""
    os.write(2, f"engine: a thread was lost: {failure.exc_type.__name__}\n".encode())
    os._exit(1)


if __name__ == "__main__":
    main()
