"""Virtual environments of the rivals: their own packages over the torch of this one.

python -m benchmarks.serving.environments
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

VENVS = Path("benchmarks/work/venvs")
_TELEMETRY = "0.66b1"  # of one version, or pip searches for a quarter of an hour
RIVALS = {
    "litserve": ("litserve>=0.2,<0.3",),
    "bentoml": (
        "bentoml>=1.4.39,<1.5",
        f"opentelemetry-instrumentation=={_TELEMETRY}",
        f"opentelemetry-instrumentation-aiohttp-client=={_TELEMETRY}",
        f"opentelemetry-instrumentation-asgi=={_TELEMETRY}",
        f"opentelemetry-semantic-conventions=={_TELEMETRY}",
        f"opentelemetry-util-http=={_TELEMETRY}",
        "opentelemetry-sdk==1.45.1",
        "opentelemetry-api==1.45.1",
    ),
}


def main() -> None:
    """Make each environment that is not there yet."""
    for rival in RIVALS:
        problem = make(rival)
        print(f"{rival}: {problem or 'installed'}")


def python_of(rival: str) -> Path:
    return VENVS / rival / "bin" / "python"


def is_installed(rival: str) -> bool:
    return (VENVS / rival / ".installed").exists()


def make(rival: str) -> str | None:
    """Installs a rival unless it is there; returns what went wrong, in one line.

    Its environment sees the packages of this one after its own, so that no second torch comes.
    """
    if is_installed(rival):
        return None
    folder = VENVS / rival
    venv.create(folder, with_pip=False, clear=True)
    site = next((folder / "lib").glob("python3.*")) / "site-packages"
    (site / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    command = [
        *(sys.executable, "-m", "pip", "--python", str(python_of(rival))),
        *("install", "--quiet", "--disable-pip-version-check", *RIVALS[rival]),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        (folder / ".installed").touch()
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "pip failed"


def version_of(rival: str) -> str:
    """Of the installed package."""
    code = f"from importlib.metadata import version; print(version({rival!r}))"
    done = subprocess.run([python_of(rival), "-c", code], capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
