"""The API as its users start it, with something of every kind in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.embedded import free_port, wait_until_ready
from service.logging import configure_logging
from service.settings import Settings
from tests.service.conftest import migrate, running
from tests.service.pages.furnishing import Furnished, furnish

SHUTDOWN_SECONDS = 30
FLOOR = "*a line of text, from no server*"
LINE = "data:text/html,<main><h1>seen</h1></main>"
"""What the browser itself takes on this machine, at this moment."""


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Addresses of the pages by their names, while `python -m service api` serves them."""
    folder.mkdir(parents=True)
    settings = Settings(data_dir=folder, log_level="ERROR")
    configure_logging(settings)
    migrate(settings)
    with running(settings) as site:
        furnished = furnish(site, folder)
    port = free_port()
    environment = os.environ | {
        "POLARIZER_DATA_DIR": str(folder),
        "POLARIZER_HOST": "127.0.0.1",
        "POLARIZER_PORT": str(port),
    }
    log = folder / "service.log"
    command = [sys.executable, "-m", "service", "api"]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(url, process, log)
        yield _places(url, furnished)
    finally:
        process.terminate()
        process.wait(SHUTDOWN_SECONDS)


def _places(url: str, furnished: Furnished) -> dict[str, str]:
    ids = furnished.ids
    pages = {
        "Repair a model": "/new",
        "Defenses": "/defenses",
        "Defense": f"/defenses/{ids['succeeded']}",
        "Report": f"/reports/{ids['succeeded']}",
        "Models": "/models",
        "Model": f"/models/{ids['model']}",
        "Keys": "/keys",
    }
    addresses = {name: f"{url}/pages/#{place}" for name, place in pages.items()}
    whole = f"{url}/v1/defenses/{ids['succeeded']}/report"
    return {FLOOR: LINE} | addresses | {"The whole report": whole}
