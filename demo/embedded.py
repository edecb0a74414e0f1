"""The embedded service as a process of its own, on a free port, for as long as the demo runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_SECONDS = 240


@contextmanager
def running_service(data_dir: Path) -> Iterator[str]:
    """`python -m service serve`; yields its address once it is ready, stops it at the end."""
    port = free_port()
    data_dir.mkdir(parents=True)
    log = data_dir / "service.log"
    environment = {
        **os.environ,
        "POLARIZER_DATA_DIR": str(data_dir),
        "POLARIZER_HOST": "127.0.0.1",
        "POLARIZER_PORT": str(port),
    }
    with log.open("wb") as sink:
        command = [sys.executable, "-m", "service", "serve"]
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises RuntimeError with the end of the log when the service does not come up."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the service did not start:\n{log.read_text()[-3000:]}")
