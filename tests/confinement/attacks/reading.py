# ruff: noqa: PTH208
"""Reading what is not ours."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from tests.confinement.attacks.trying import FOLDER, PARENT, TARGETS, Tries, buffer, raw

attack = Tries()


@attack
def read_the_table_of_users() -> object:
    return Path("/etc/passwd").read_text()


@attack
def read_a_secret() -> object:
    return Path(TARGETS["secret"]).read_text()


@attack
def read_another_jobs_file() -> object:
    return Path(TARGETS["other"], "in", "model").read_text()


@attack
def list_another_jobs_folder() -> object:
    return os.listdir(TARGETS["other"])


@attack
def list_the_folder_of_all_jobs() -> object:
    return os.listdir(FOLDER.parent)


@attack
def list_the_root() -> object:
    return os.listdir("/")


@attack
def list_home() -> object:
    return os.listdir(TARGETS["home"])


@attack
def list_processes() -> object:
    return os.listdir("/proc")


@attack
def read_through_a_dotted_path() -> object:
    return (FOLDER / "out" / ".." / ".." / "secret").read_text()


@attack
def read_through_our_own_root() -> object:
    return Path(f"/proc/self/root{TARGETS['secret']}").read_text()


@attack
def read_through_a_link_that_was_there() -> object:
    return (FOLDER / "out" / "link").read_text()


@attack
def read_the_parents_environment() -> object:
    return Path(f"/proc/{PARENT}/environ").read_bytes()


@attack
def read_the_parents_memory() -> object:
    return Path(f"/proc/{PARENT}/mem").open("rb")


@attack
def read_the_parents_command_line() -> object:
    return Path(f"/proc/{PARENT}/cmdline").read_bytes()


@attack
def read_the_parents_files() -> object:
    return os.listdir(f"/proc/{PARENT}/fd")


@attack
def read_the_kernels_log() -> object:
    return raw("syslog", 3, buffer(b" " * 100), 100)


@attack
def open_by_handle() -> object:
    return raw("open_by_handle_at", -100, buffer(b"\0" * 128), 0)


@attack
def open_the_modern_way() -> object:
    how = buffer(struct.pack("=QQQ", os.O_RDONLY, 0, 0))
    return raw("openat2", -100, buffer(os.fsencode(TARGETS["secret"])), how, 24)
