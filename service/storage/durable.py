"""Folders whose entries survive a loss of power."""

from __future__ import annotations

import os
from pathlib import Path


def fsync_folders(folder: Path, last: Path) -> None:
    """The folder and those around it, up to the last: a new one is an entry in the next."""
    fsync_folder(folder)
    while folder != last:
        folder = folder.parent
        fsync_folder(folder)


def fsync_folder(folder: Path) -> None:
    """Returns when the folder's entries are kept."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
