"""What the child takes from itself before it reads a stranger's byte: in two steps, around the
loading of torch.

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
from worker.job import SCRATCH, Job, Limits, job_files, may_use_gpu

_STDIN = 0


def begin(job: Job, folder: Path) -> None:
    """Before torch is loaded. Raises SandboxError, and OSError when a limit cannot be set."""
    end_with_worker(job.runner_pid)
    set_limits(job.limits)
    tempfile.tempdir = str(folder / SCRATCH)  # or else it tries several places
    confine_files(job_files(folder), Allowance(gpu=may_use_gpu(job.device)), job.sandbox)
    threading.Thread(target=_await_end_of_stdin, daemon=True).start()


def finish(job: Job) -> None:
    """After torch was loaded, before a stranger's file is opened. Raises SandboxError."""
    gpu = may_use_gpu(job.device)
    if not stat.S_ISSOCK(os.fstat(_STDIN).st_mode):
        confine_calls(Allowance(gpu=gpu), job.sandbox, listened=False)
        return
    stdin = socket.socket(fileno=_STDIN)  # before the calls that this takes are refused
    listener = confine_calls(Allowance(socket=_STDIN, gpu=gpu), job.sandbox, listened=True)
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


def set_limits(limits: Limits) -> None:
    """Memory is what is private and writable: address space would count what is only reserved, of
    which CUDA, and many threads, take far more than they use."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_NPROC: limits.processes,
    }
    if limits.memory_bytes:
        wanted[resource.RLIMIT_DATA] = limits.memory_bytes
    limit(wanted)


def _await_end_of_stdin() -> None:
    while os.read(_STDIN, 4096):
        pass
    os.kill(0, signal.SIGKILL)
