"""Nothing gets out, everything is seen, and work goes on: a confined process, attacked from inside.

One process tries everything; each test looks at what came of one attack.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from confinement import Allowance, Files, boundary, missing_parts
from confinement.reports import Listener, Refusal, take
from tests.confinement.attacks import ATTACKS, WORKS

pytestmark = pytest.mark.skipif(
    bool(missing_parts()), reason=f"this kernel lacks {', '.join(missing_parts())}"
)

ROOT = Path(__file__).parents[2]

QUIET = {
    *("open_the_modern_way", "fork_modern", "memory_file", "write_a_file_without_a_name"),
    *("cut_short_through_reading", "pin_the_parent", "slow_the_parent", "signal_by_file_owner"),
    *("outlive_the_worker", "hide_from_the_worker", "kernel_personality"),
    *("locks_of_records", "locks_of_records_by_description", "descriptors_under_way"),
}
"""Refused without a report (confinement/calls.py says why): libraries try these too."""

LIBRARIES_TOO = {
    *("netlink", "connect_unix_path", "connect_unix_abstract", "socket_pair", "cut_short_by_path"),
    *("make_a_link_to_the_outside", "hard_link_to_a_secret", "change_mode", "change_times"),
    *("set_an_attribute", "shared_memory", "kernel_inotify_init1", "kernel_memfd_secret"),
    *("kernel_vmsplice", "kernel_lsm_set_self_attr", "kernel_mseal"),
}
"""Refused and reported, without calling it hostile."""

NO_SUCH_CALL = {"kernel_lookup_dcookie", "kernel_modify_ldt", "kernel_iopl"}
"""Which some architectures or kernels do not have: refused in any case."""


@dataclass
class Assault:
    """What the process said, what was reported while it tried each attack, and what is left."""

    results: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, list[Refusal]] = field(default_factory=dict)
    trying: str = ""
    status: int | None = None


@dataclass
class Site:
    """What there is to attack."""

    folder: Path
    targets: dict[str, Any]

    @classmethod
    def made(cls, parent: Path) -> Site:
        folder = parent / "job"
        for name in ("in", "out", "tmp"):
            (folder / name).mkdir(parents=True)
        (folder / "in" / "model").write_text("weights")
        (folder / "job.json").write_text("{}")
        (parent / "other" / "in").mkdir(parents=True)
        (parent / "other" / "in" / "model").write_text("of somebody else")
        (parent / "secret").write_text("secret")
        (parent / "outside").mkdir()
        (folder / "out" / "link").symlink_to(parent / "secret")
        targets = {name: str(parent / name) for name in ("secret", "other", "outside", "unix")}
        disk = first_of("/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/loop0")
        device = first_of("/dev/mem", "/dev/port", "/dev/kmsg")
        more = {"home": str(Path.home()), "disk": disk, "device": device}
        return cls(folder, targets | more)


def first_of(*paths: str) -> str:
    """One that is there; a container may have none of them."""
    return next((path for path in paths if Path(path).exists()), "/dev/full")


def followed(process: subprocess.Popen[bytes], listener: Listener, assault: Assault) -> None:
    """Reads what is said before it answers what is reported: the line that names an attack was
    written before the attack was tried."""
    assert process.stdout
    said = process.stdout.fileno()
    poll = select.poll()
    poll.register(said, select.POLLIN)
    poll.register(listener, select.POLLIN)
    rest = b""
    while True:
        ready = dict(poll.poll(60_000))
        if ready.get(said, 0) & select.POLLIN:
            *lines, rest = (rest + os.read(said, 1 << 16)).split(b"\n")
            for line in lines:
                take_line(assault, json.loads(line))
        elif ready.get(listener.fileno(), 0) & select.POLLIN:
            refusal = listener.answer()
            if refusal is not None:
                assault.refusals.setdefault(assault.trying, []).append(refusal)
        else:
            break
    assault.status = process.wait(60)


def take_line(assault: Assault, said: dict[str, str]) -> None:
    if "begins" in said:
        assault.trying = said["begins"]
    else:
        assault.results[said["name"]] = said["result"]


@pytest.fixture(scope="module", params=[1, 3, 5, 100], ids="landlock-{}".format)
def assault(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Assault:
    """On Linux 5.13, 6.2, 6.10, and on this one: older Landlocks know fewer rights."""
    site = Site.made(tmp_path_factory.mktemp("sandbox"))
    name = f"\0polarizer-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as path,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        path.bind(site.targets["unix"])
        path.listen()
        abstract.bind(name)
        abstract.listen()
        targets = site.targets | {"tcp": tcp.getsockname()[1], "abstract": name}
        ours, theirs = socket.socketpair()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.confinement.attacks", str(site.folder)],
            cwd=site.folder,
            env={"PYTHONPATH": str(ROOT), "TARGETS": json.dumps(targets), "HOME": "/nowhere"}
            | {"LANDLOCK": str(request.param)},
            stdin=theirs,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with process, ours, theirs:
            theirs.close()
            descriptor = take(ours)
            assert descriptor is not None
            files = Files(
                readable=[site.folder], writable=[site.folder / "out", site.folder / "tmp"]
            )
            outside = boundary(process.pid, files, Allowance())
            found = Assault()
            listener = Listener(descriptor, outside, gpu=False)
            followed(process, listener, found)
            listener.close()
        assert nobody_came(tcp, path, abstract)
    check_untouched(site)
    return found


def nobody_came(*servers: socket.socket) -> bool:
    return not select.select(servers, [], [], 0)[0]


def check_untouched(site: Site) -> None:
    assert Path(site.targets["secret"]).read_text() == "secret"
    assert Path(site.targets["secret"]).stat().st_mode & 0o777 == 0o644
    assert list(Path(site.targets["outside"]).iterdir()) == []
    assert (site.folder / "in" / "model").read_text() == "weights"
    assert (site.folder / "job.json").read_text() == "{}"
    assert not Path("/tmp/polarizer-attack").exists()
    assert not Path("/dev/shm/polarizer-attack").exists()


def test_there_are_as_many_as_the_page_says() -> None:
    assert "over a hundred attacks" in (ROOT / "docs" / "security.md").read_text()
    assert len(ATTACKS) > 100


@pytest.mark.parametrize("name", sorted(WORKS))
def test_a_job_goes_on_working(assault: Assault, name: str) -> None:
    assert assault.results.get(name) == "done"
    assert name not in assault.refusals


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_an_attack_is_refused(assault: Assault, name: str) -> None:
    assert assault.results.get(name, "ended it") not in ("done", "ended it")


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - QUIET - NO_SUCH_CALL))
def test_an_attack_is_reported(assault: Assault, name: str) -> None:
    refusal = assault.refusals[name][-1]
    if refusal.path is not None:
        assert not refusal.hostile
    else:
        assert refusal.hostile == (name not in LIBRARIES_TOO)


def test_the_process_outlived_all_of_it(assault: Assault) -> None:
    assert assault.status == 0
    assert assault.results.keys() == ATTACKS.keys() | WORKS.keys()
