# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH211
"""Writing what is not ours."""

from __future__ import annotations

import os
from pathlib import Path

from tests.confinement.attacks.trying import FOLDER, TARGETS, Tries

attack = Tries()


@attack
def write_outside() -> object:
    return Path(TARGETS["outside"], "new").write_text("x")


@attack
def overwrite_outside() -> object:
    return Path(TARGETS["secret"]).write_text("x")


@attack
def overwrite_our_own_inputs() -> object:
    return (FOLDER / "in" / "model").write_text("x")


@attack
def overwrite_the_job() -> object:
    return (FOLDER / "job.json").write_text("x")


@attack
def cut_short_through_reading() -> object:
    return os.open(TARGETS["secret"], os.O_RDONLY | os.O_TRUNC)


@attack
def cut_short_by_path() -> object:
    return os.truncate(TARGETS["secret"], 0)


@attack
def make_a_link_to_the_outside() -> object:
    return os.symlink("/etc", FOLDER / "out" / "etc")


@attack
def hard_link_to_a_secret() -> object:
    return os.link(TARGETS["secret"], FOLDER / "out" / "linked")


@attack
def move_a_secret_here() -> object:
    return os.rename(TARGETS["secret"], FOLDER / "out" / "moved")


@attack
def move_a_file_out() -> object:
    (FOLDER / "out" / "mine").write_text("x")
    return os.rename(FOLDER / "out" / "mine", Path(TARGETS["outside"], "mine"))


@attack
def remove_a_secret() -> object:
    return os.unlink(TARGETS["secret"])


@attack
def remove_our_own_input() -> object:
    return os.unlink(FOLDER / "in" / "model")


@attack
def make_a_folder_outside() -> object:
    return os.mkdir(Path(TARGETS["outside"], "folder"))


@attack
def write_in_the_systems_temporary_folder() -> object:
    return Path("/tmp/polarizer-attack").write_text("x")


@attack
def write_shared_memory() -> object:
    return Path("/dev/shm/polarizer-attack").write_text("x")


@attack
def change_mode() -> object:
    return os.chmod(TARGETS["secret"], 0o777)


@attack
def change_owner() -> object:
    return os.chown(FOLDER / "out", 1234, 1234)


@attack
def change_times() -> object:
    return os.utime(TARGETS["secret"], (0, 0))


@attack
def set_an_attribute() -> object:
    return os.setxattr(FOLDER / "out", "user.a", b"x")


@attack
def make_a_device() -> object:
    return os.mknod(FOLDER / "out" / "mem", 0o600 | 0o020000, os.makedev(1, 1))


@attack
def open_a_device() -> object:
    return Path(TARGETS["device"]).open("rb")


@attack
def open_a_disk() -> object:
    return Path(TARGETS["disk"]).open("rb")


@attack
def open_the_terminal() -> object:
    return Path("/dev/ptmx").open("r+b", buffering=0)


@attack
def write_a_file_without_a_name() -> object:
    return os.open(FOLDER / "out", os.O_TMPFILE | os.O_RDWR)


@attack
def memory_file() -> object:
    return os.memfd_create("hidden")
