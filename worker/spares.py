"""Warm children: started before there is a job for them, so that none waits for torch to load.

A spare has confined its files, to a folder that was made for it and is empty, and has loaded our
code. It has seen no byte of any job. It does one job, of whatever tenant comes next, and ends with
it: nothing of a job is there when another one comes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from service.settings import Settings
from worker.job import may_use_gpu
from worker.places import place_of
from worker.process import Child
from worker.workplace import Workplace, remove

log = structlog.get_logger()


class Spares:
    """``count`` children that wait for a job, as long as the ``kept`` block lasts."""

    def __init__(
        self, settings: Settings, workplace: Workplace, command: Sequence[str], count: int
    ) -> None:
        self._settings = settings
        self._workplace = workplace
        self._command = command
        self._count = count
        self._ready: deque[Child] = deque()
        self._starting: set[Child] = set()
        self._changed = threading.Condition()
        self._stopping = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """The children are started by one thread that lives as long as the block, since Linux ends
        a child with the thread that started it."""
        thread = threading.Thread(target=self._keep, name="spares", daemon=True)
        if self._count:
            thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._stopping = True
                self._changed.notify()
            if self._count:
                thread.join()
            while self._ready:
                dismiss(self._ready.popleft())

    def take(self) -> Child | None:
        """One that is alive, the caller's to ``dismiss``; None when none is there. Another one is
        started in its place once its job ``has_begun``."""
        with self._changed:
            child = self._ready.popleft() if self._ready else None
            if child is not None:
                self._starting.add(child)
        if child is not None and child.has_ended():
            log.warning("spare_ended", status=child.end(), stderr=child.stderr_tail())
            self.has_begun(child)
            dismiss(child)
            return None
        return child

    def has_begun(self, child: Child) -> None:
        """Its job has chosen by how busy the cores are how many threads to compute with: to load
        another child would have made them look busy. May be said more than once."""
        with self._changed:
            self._starting.discard(child)
            self._changed.notify()

    def _keep(self) -> None:
        while self._wanted():
            try:
                child = self._start()
            except OSError as error:
                log.warning("spare_not_started", error=type(error).__name__)
                self._wait_for_a_job()
                continue
            with self._changed:
                self._ready.append(child)

    def _wanted(self) -> bool:
        """Returns when one is missing; False when no more are."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._missing > 0)
            return not self._stopping

    @property
    def _missing(self) -> int:
        return self._count - len(self._ready) - len(self._starting)

    def _wait_for_a_job(self) -> None:
        with self._changed:
            if not self._stopping:
                self._changed.wait()

    def _start(self) -> Child:
        folder = self._workplace.new_folder("spare-")
        try:
            place = place_of(self._settings)
            place.write(folder)
            return Child(self._command, folder, gpu=may_use_gpu(place.device))
        except OSError:
            remove(folder)
            raise


def dismiss(child: Child) -> None:
    """Nothing of it, and of its folder, is left."""
    child.end()
    child.close()
    remove(child.folder)
