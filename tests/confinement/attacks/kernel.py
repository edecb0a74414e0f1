"""Calls that a job has no business with, whatever their arguments."""

from __future__ import annotations

from typing import Any

from tests.confinement.attacks.trying import Tries, raw

attack = Tries()


def _of_the_kernel(name: str, *arguments: Any) -> None:
    def work() -> object:
        return raw(name, *arguments)

    attack[f"kernel_{name}"] = work


for _name, *_arguments in (
    ("io_uring_setup", 8, None),
    ("io_setup", 8, None),
    ("bpf", 0, None, 0),
    ("perf_event_open", None, 0, -1, -1, 0),
    ("userfaultfd", 0),
    ("keyctl", 0, 0, 0, 0, 0),
    ("add_key", None, None, None, 0, 0),
    ("request_key", None, None, None, 0),
    ("mount", None, None, None, 0, None),
    ("umount2", None, 0),
    ("pivot_root", None, None),
    ("chroot", None),
    ("unshare", 0x10000000),
    ("setns", 0, 0),
    ("fsopen", None, 0),
    ("open_tree", -100, None, 0),
    ("init_module", None, 0, None),
    ("finit_module", 0, None, 0),
    ("kexec_load", 0, 0, None, 0),
    ("reboot", 0, 0, 0, None),
    ("swapon", None, 0),
    ("quotactl", 0, None, 0, None),
    ("acct", None),
    ("settimeofday", None, None),
    ("clock_settime", 0, None),
    ("sethostname", None, 0),
    ("setuid", 0),
    ("setresuid", 0, 0, 0),
    ("capset", None, None),
    ("personality", 0x0040000),
    ("seccomp", 1, 0, None),
    ("landlock_restrict_self", 0, 0),
    ("kcmp", 0, 0, 0, 0, 0),
    ("fanotify_init", 0, 0),
    ("inotify_init1", 0),
    ("shmget", 0, 4096, 0o1600),
    ("semget", 0, 1, 0o1600),
    ("msgget", 0, 0o1600),
    ("mq_open", None, 0o100, 0o600, None),
    ("memfd_secret", 0),
    ("vmsplice", 0, None, 0, 0),
    ("modify_ldt", 0, None, 0),
    ("iopl", 3),
    ("lookup_dcookie", 0, None, 0),
    ("name_to_handle_at", -100, None, None, None, 0),
    ("process_madvise", 0, None, 0, 0, 0),
    ("pidfd_getfd", 0, 0, 0),
    ("lsm_set_self_attr", 0, None, 0, 0),
    ("mseal", 0, 0, 0),
):
    _of_the_kernel(_name, *_arguments)
