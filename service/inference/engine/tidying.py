"""Gives back to the system what models took that left memory: otherwise the allocator keeps it."""

from __future__ import annotations

import threading

from service.memory import tidy


class Tidier:
    """A thread that tidies up soon after it is asked, off the threads that compute."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def ask(self) -> None:
        """Returns at once."""
        self._asked.set()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            tidy()
