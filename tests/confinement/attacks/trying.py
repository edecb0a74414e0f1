"""What there is to try things on, and how what is tried gets its name."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confinement.numbers import known_architecture
from confinement.system import address_of, call

TARGETS: dict[str, Any] = json.loads(os.environ.get("TARGETS", "{}"))
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
PARENT = os.getppid()
KEPT: list[Any] = []
Try = Callable[[], object]


def raw(name: str, *arguments: Any) -> int:
    """A system call by its name; the architecture may lack it."""
    numbers = known_architecture().numbers
    if name not in numbers:
        raise OSError(errno.ENOSYS, name)
    return call(numbers[name], *arguments)


def buffer(content: bytes) -> Any:
    made = ctypes.create_string_buffer(content)
    KEPT.append(made)
    return address_of(made)


def place(content: bytes) -> int:
    buffer(content)
    return ctypes.addressof(KEPT[-1])


class Tries(dict[str, Try]):
    """What is tried, by its name; a decorator."""

    def __call__(self, done: Try) -> Try:
        self[done.__name__] = done
        return done
