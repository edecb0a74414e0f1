"""Parts of the house that the command starts but never imports: processes of this interpreter."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from client.errors import ConfigurationError

PACKAGE = "neural-polarizer-service"
EXTRAS = {
    "service": "service,worker",
    "worker": "service,worker",
    "torch": "service,worker",
    "demo": "service,worker,demo",
    "sklearn": "service,worker,demo",
    "fastapi": "service,worker",
}


def require(*modules: str, purpose: str) -> None:
    """Raises ConfigurationError, which says what to install, when one of them is not there."""
    for module in modules:
        if not is_there(module):
            raise ConfigurationError(
                f"{purpose} needs {module}, which is not installed here:"
                f" pip install '{PACKAGE}[{EXTRAS[module]}]'"
            )


def is_there(module: str) -> bool:
    """Whether it could be imported; nothing is."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def command_of(module: str, *arguments: str) -> Sequence[str]:
    """Runs a module by this interpreter, whatever the current folder holds."""
    return (sys.executable, "-P", "-m", module, *arguments)


def environment(**changes: str) -> dict[str, str]:
    """This one, and where our packages are when they were not installed but are run from."""
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path} | changes
