"""The system calls that a confined process may make, and those that it may not.

``rules.py`` names a few more, where the arguments decide. What is named nowhere is refused as if
the kernel did not know it.
"""

from __future__ import annotations

import errno


def named(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


FREE = named(
    """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range
    dup dup2 dup3 fstat stat lstat newfstatat statx statfs fstatfs access faccessat faccessat2
    readlink readlinkat getdents getdents64 getcwd chdir fchdir umask ftruncate fallocate fadvise64
    fsync fdatasync flock sendfile copy_file_range readahead sync_file_range

    munmap mremap mprotect madvise brk msync mincore mlock mlock2 munlock membarrier
    get_mempolicy

    futex futex_wait futex_wake futex_requeue futex_waitv set_robust_list rseq set_tid_address
    gettid getpid getppid getuid geteuid getgid getegid getgroups getresuid getresgid getpgrp
    getpgid getsid exit exit_group restart_syscall wait4 waitid arch_prctl sched_yield
    sched_getaffinity sched_getparam sched_getscheduler sched_getattr sched_get_priority_max
    sched_get_priority_min getcpu getpriority capget

    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack
    pause clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage
    getitimer setitimer alarm timerfd_create timerfd_settime timerfd_gettime

    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 eventfd eventfd2 pipe pipe2 uname sysinfo getrandom getrlimit
    """
)
"""May be made with whatever arguments."""

NAMING = named("open openat mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2")
"""Which files these may name is Landlock's to say; they are reported, so that its refusals can be
logged."""

_NEWER = named("clone3 openat2 memfd_create creat pkey_alloc map_shadow_stack")
_TUNING = named(
    """
    sched_setscheduler sched_setparam sched_setattr setpriority ioprio_set mbind set_mempolicy
    set_mempolicy_home_node move_pages sync syncfs mlockall munlockall personality
    """
)
_ATTRIBUTES = named("getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr")

QUIET = {
    **dict.fromkeys(_NEWER, errno.ENOSYS),
    **dict.fromkeys(_TUNING, errno.EPERM),
    **dict.fromkeys(_ATTRIBUTES, errno.ENOTSUP),
}
"""Refused without a word: libraries try these and do without."""

SUSPICIOUS = named(
    """
    chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat link linkat symlink symlinkat
    inotify_init inotify_init1 inotify_add_watch setxattr lsetxattr fsetxattr removexattr
    lremovexattr fremovexattr socketpair truncate setrlimit memfd_secret splice tee vmsplice
    """
)
"""Refused and reported; a library may have had a harmless reason."""

PROCESSES = named("fork vfork execve execveat setsid setpgid")
"""No new process, no other program, no way out of the group."""

HOSTILE = PROCESSES | named(
    """
    ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp
    get_robust_list pidfd_open pidfd_getfd pidfd_send_signal tkill rt_sigqueueinfo rt_tgsigqueueinfo

    bind listen accept accept4 connect sendto sendmmsg recvmmsg

    mount umount2 pivot_root chroot unshare setns fsopen fsconfig fsmount fspick open_tree
    open_tree_attr move_mount mount_setattr swapon swapoff quotactl quotactl_fd acct mknod mknodat
    name_to_handle_at open_by_handle_at fanotify_init fanotify_mark chown fchown lchown fchownat

    io_uring_setup io_uring_enter io_uring_register io_setup io_submit bpf perf_event_open
    userfaultfd keyctl add_key request_key seccomp landlock_create_ruleset landlock_add_rule
    landlock_restrict_self init_module finit_module delete_module kexec_load kexec_file_load
    reboot iopl ioperm modify_ldt uselib syslog lookup_dcookie vhangup sethostname setdomainname
    settimeofday clock_settime clock_adjtime adjtimex migrate_pages remap_file_pages

    setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset

    shmget shmat shmctl shmdt semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    """
)
"""Refused and reported; no library does that to compute, so the process is under an attacker's
command."""
