"""Defenses that one API process accepts in a second, beside a bare service that inserts a row."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from benchmarks.scale.servers import House
from benchmarks.serving.load import Plan
from benchmarks.serving.processes import Server, cpu_seconds
from tests.worker import samples

CLIENTS = 8
RATE = 200.0
"""Requests a second that are to be reached."""

SHARE = 0.6

LIMITS_OFF = {
    "POLARIZER_LIMIT_REQUESTS_PER_SECOND": "0",
    "POLARIZER_LIMIT_WAITING_DEFENSES": "0",
    "POLARIZER_LIMIT_DEFENSES_A_DAY": "0",
}


@dataclass(frozen=True)
class Creates:
    """``rate``: offered a second, at random moments; none: each of ``CLIENTS`` sends its next
    request when it has its answer. Milliseconds of an answer; CPU of the API process alone."""

    server: str
    rate: float | None
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    cpu_ms: float


def measured(house: House, load_cores: str, *, seconds: float, rounds: int) -> list[Creates]:
    """Ours and the bare one, in turn; each at full speed and at the rate that is to be reached."""
    ours, bare = house.api(**LIMITS_OFF), house.bare()
    servers = {"ours": ours, "bare": bare}
    paths = {name: _request(house.folder / name, server) for name, server in servers.items()}
    found = []
    for _ in range(rounds):
        rate: float | None = None
        for _loop in ("closed", "open"):
            for name, server in servers.items():
                plan = Plan(
                    server.port,
                    str(paths[name]),
                    seconds,
                    warm_up=2.0,
                    clients=CLIENTS,
                    rate=rate,
                    expects=202,
                )
                found.append(_loaded(name, server, plan, load_cores))
            rate = _offered(found[-2])
    return found


def _offered(ours: Creates) -> float:
    """Requests a second of the open loop: what is to be reached, or what a server that does not
    reach it can take without falling behind for ever."""
    return RATE if ours.per_second > RATE else float(round(SHARE * ours.per_second))


def _loaded(name: str, server: Server, plan: Plan, cores: str) -> Creates:
    before = cpu_seconds(server)
    done = subprocess.run(
        ["taskset", "-c", cores, sys.executable, "-m", "benchmarks.serving.load"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
    )
    taken = cpu_seconds(server) - before
    seen: dict[str, Any] = json.loads(done.stdout)
    times: Sequence[float] = seen["milliseconds"]
    if len(times) < 2:
        raise RuntimeError(f"{name} answered nothing well: {seen['first_failure']}")
    cuts = quantiles(times, n=100)
    return Creates(
        server=name,
        rate=plan.rate,
        per_second=len(times) / plan.seconds,
        p50_ms=cuts[49],
        p99_ms=cuts[98],
        failed=seen["failed"],
        cpu_ms=1000 * taken / max(1, seen["answered"]),
    )


def _request(path: Path, server: Server) -> Path:
    """The bytes of a request to either; ours names uploads that are there."""
    named = {"model": "upl_0", "clean": "upl_1"}
    uploads = _uploaded(server) if path.name == "ours" else named
    sent = {
        "description": samples.DESCRIPTION.model_dump(mode="json"),
        "config": samples.FAST,
        **{role: {"upload": upload} for role, upload in uploads.items()},
    }
    body = json.dumps(sent).encode()
    head = (
        f"POST /v1/defenses HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = path.with_suffix(".request")
    request.write_bytes(head.encode() + body)
    return request


def _uploaded(server: Server) -> dict[str, str]:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        return {
            role: client.post("/v1/uploads", content=role.encode()).json()["id"]
            for role in ("model", "clean")
        }
