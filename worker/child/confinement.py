"""What the child takes from itself before it reads a stranger's byte: in two steps, before torch is
loaded and when there is a job.

Files, system calls, memory and time of its own: docs/architecture/07-sandbox.md. And it does not
outlive its worker: the kernel kills it when the worker dies (Linux), and so does the end of its
standard input.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import tempfile
import threading
from pathlib import Path

from confinement import Allowance, confine_calls, confine_files
from confinement.limits import limit
from confinement.reports import give_away
from confinement.system import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, is_linux, prctl
from worker.job import SCRATCH, Limits, Place, job_files, may_use_gpu

_STDIN = 0


def begin(place: Place, folder: Path) -> threading.Event:
    """Before torch is loaded; the event is set when the runner says that there is a job. Raises
    SandboxError, and OSError when a limit cannot be set."""
    end_with_worker(place.runner_pid)
    set_limits(place)
    tempfile.tempdir = str(folder / SCRATCH)  # or else it tries several places
    confine_files(job_files(folder), Allowance(gpu=may_use_gpu(place.device)), place.sandbox)
    told = threading.Event()
    threading.Thread(target=_listen_to_stdin, args=(told,), daemon=True).start()
    return told


def finish(place: Place, limits: Limits) -> None:
    """When there is a job, before a stranger's file is opened. Raises SandboxError, and OSError
    when a limit cannot be set."""
    limit({resource.RLIMIT_FSIZE: limits.file_bytes})
    gpu = may_use_gpu(place.device)
    if not stat.S_ISSOCK(os.fstat(_STDIN).st_mode):
        confine_calls(Allowance(gpu=gpu), place.sandbox, listened=False)
        return
    stdin = socket.socket(fileno=_STDIN)  # before the calls that this takes are refused
    listener = confine_calls(Allowance(socket=_STDIN, gpu=gpu), place.sandbox, listened=True)
    if listener is not None:
        give_away(listener, stdin)
    stdin.detach()


def end_with_worker(worker_pid: int) -> None:
    """Kills this process when the worker is gone, or has gone already."""
    if is_linux():
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.getppid() != worker_pid:
        os._exit(1)


def set_limits(place: Place) -> None:
    """Memory is what is private and writable: address space would count what is only reserved, of
    which CUDA, and many threads, take far more than they use."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: place.processes,
    }
    if place.memory_bytes:
        wanted[resource.RLIMIT_DATA] = place.memory_bytes
    limit(wanted)


def _listen_to_stdin(told: threading.Event) -> None:
    while os.read(_STDIN, 4096):
        told.set()
    os.kill(0, signal.SIGKILL)
