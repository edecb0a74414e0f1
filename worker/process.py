"""The child as a process: started with nothing of ours in its environment, read, killed whole."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from confinement import Allowance, boundary
from worker.job import SCRATCH, STDERR_FILE, job_files
from worker.refusals import Refusals

CHILD = (sys.executable, "-P", "-m", "worker.child")
"""The command of the real child; ``-P`` keeps its folder off ``sys.path``."""

PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES"),
)
_PORTION = 1 << 16
_STDERR_TAIL = 4096


def environment(folder: Path, ours: Mapping[str, str]) -> dict[str, str]:
    """The child's whole environment: what a Python with torch needs, and no credential."""
    scratch = str(folder / SCRATCH)
    return {
        **{name: ours[name] for name in PASSED_ON if name in ours},
        "HOME": scratch,
        "TMPDIR": scratch,
        "USER": "polarizer",  # or else libraries ask the system's tables of users
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


def _told_of_end(pid: int) -> int | None:
    """A descriptor that can be read once the process has ended, where there are such (Linux)."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


class Child:
    """A running child, the leader of its own process group, in a folder with a ``place.json``. It
    waits until it is told to ``begin`` with the job that lies there by then.

    Its standard input is a socket that stays open, and silent but for that: its end tells the child
    that the worker is gone, and over it the child hands out what ``refusals`` listens to. Its
    standard error goes to a file in its folder, which is read through the descriptor we opened,
    whatever the child puts in the file's place.
    """

    def __init__(self, command: Sequence[str], folder: Path, *, gpu: bool = False) -> None:
        self.folder = folder
        self.refusals: Refusals | None = None
        self._gpu = gpu
        self._stderr = (folder / STDERR_FILE).open("w+b")
        self._stdout, child_stdout = os.pipe()
        self._stdin, child_stdin = socket.socketpair()
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - the command is ours
                list(command),
                cwd=folder,
                env=environment(folder, os.environ),
                stdin=child_stdin.fileno(),
                stdout=child_stdout,
                stderr=self._stderr,
                start_new_session=True,
            )
        except OSError:
            self._stderr.close()
            self._stdin.close()
            os.close(self._stdout)
            raise
        finally:
            os.close(child_stdout)
            child_stdin.close()
        os.set_blocking(self._stdout, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._ended = _told_of_end(self.pid)
        if self._ended is not None:
            self._selector.register(self._ended, selectors.EVENT_READ)

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self) -> None:
        """Tells it that its job is there, and listens to what it is refused from now on."""
        outside = boundary(self.pid, job_files(self.folder), Allowance(gpu=self._gpu))
        self.refusals = Refusals(self._stdin, outside, gpu=self._gpu)
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended: whoever listens sees
            self._stdin.send(b"!")

    def read(self, seconds: float) -> bytes:
        """What the child has said, waiting for at most ``seconds`` or until it ends; empty when it
        said nothing."""
        if not self._selector.get_map():  # it closed its standard output
            time.sleep(seconds)
            return b""
        if self._stdout not in [key.fd for key, _ in self._selector.select(seconds)]:
            return b""
        portion = os.read(self._stdout, _PORTION)
        if not portion:
            self._selector.unregister(self._stdout)
        return portion

    def has_ended(self) -> bool:
        """Whether it has ended by itself. It is not reaped, so its group's number stays taken."""
        if self._process.returncode is not None or not hasattr(os, "waitid"):  # macOS
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def end(self) -> int:
        """Kills whatever is left of its process group; its exit status, negative for a signal."""
        if self._process.returncode is None or not hasattr(os, "waitid"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def stop_listening(self) -> None:
        """Returns when everything that it was refused is logged."""
        if self.refusals is not None:
            self.refusals.finish()

    def close(self) -> None:
        """Gives back what we held open for it."""
        self.stop_listening()
        self._selector.close()
        os.close(self._stdout)
        if self._ended is not None:
            os.close(self._ended)
        self._stderr.close()
        self._stdin.close()

    def stderr_tail(self) -> str:
        """The end of what it wrote to its standard error; printable."""
        size = os.fstat(self._stderr.fileno()).st_size
        tail = os.pread(self._stderr.fileno(), _STDERR_TAIL, max(0, size - _STDERR_TAIL))
        text = tail.decode(errors="replace")
        return "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)


@contextmanager
def running(command: Sequence[str], folder: Path, *, gpu: bool = False) -> Iterator[Child]:
    """A child that is gone, with all that it started, when the block ends."""
    child = Child(command, folder, gpu=gpu)
    try:
        yield child
    finally:
        child.end()
        child.close()
