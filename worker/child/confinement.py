"""What the child takes from itself before it reads a stranger's byte. Loads no torch.

Limits on memory, file size and processes; and it does not outlive its worker: the kernel kills it
when the worker dies (Linux), and so does the end of its standard input.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from pathlib import Path

from worker.job import Job, Limits

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def confine(job: Job) -> None:
    """Raises OSError when a limit cannot be set."""
    end_with_worker(job.runner_pid)
    limit(job.limits, gpu=_may_use_gpu(job.device))


def end_with_worker(worker_pid: int) -> None:
    """Kills this process and its group when the worker is gone, or has gone already."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != worker_pid:
        os._exit(1)
    threading.Thread(target=_await_end_of_stdin, daemon=True).start()


def limit(limits: Limits, *, gpu: bool) -> None:
    """Sets the limits, hard ones too. CUDA reserves far more address space than it uses, so with a
    GPU the memory that is really private and writable is limited instead."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NPROC: limits.processes,
    }
    if limits.memory_bytes:
        wanted[resource.RLIMIT_DATA if gpu else resource.RLIMIT_AS] = limits.memory_bytes
    for kind, value in wanted.items():
        _soft, hard = resource.getrlimit(kind)
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _may_use_gpu(device: str) -> bool:
    return device.startswith("cuda") or (not device and Path("/dev/nvidiactl").exists())


def _await_end_of_stdin() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl failed")
