"""Takes from a process what it does not need: files, network, other processes, other programs.

For Linux, on the standard library alone, because it runs before anything else is loaded.
docs/architecture/07-sandbox.md
"""

from confinement.process import (
    Files,
    Mode,
    SandboxError,
    boundary,
    confine_calls,
    confine_files,
    missing_parts,
)
from confinement.rules import Allowance

__all__ = [
    "Allowance",
    "Files",
    "Mode",
    "SandboxError",
    "boundary",
    "confine_calls",
    "confine_files",
    "missing_parts",
]
