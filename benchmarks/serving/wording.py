"""The words of the page around its tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.serving.measure import Row
from benchmarks.serving.table import Figure

INTRODUCTION = """\
# Serving, beside LitServe and BentoML

`make bench-serve` starts the service as its users do (`python -m service api`), puts three models
of random weights into its store, and sends the same tensors to it and to LitServe and BentoML, by
one load generator in a process of its own. Every server computes the same file with the same
backend, the one that our engine chose by measurement, and the same number of threads, so what
differs is the server. Each gets raw bytes: ours the binary tensors of the Open Inference Protocol,
both ways. While one server is measured the others are stopped, but for BentoML, whose processes
lose their connections to each other; it hardly works while nobody asks.

- **rows/s at saturation ÷ in process**: the best of both request sizes, over the backend called in
  a loop at its best batch, without any server.
- **rows/s ÷ a rival's**: closed loop, the same clients and the same request. Requests count by the
  part of their time that lies within the measured seconds: whole ones are too coarse a measure
  where a server answers eleven in a second.
- **p99 ÷ a rival's**: open loop, Poisson arrivals, one row a request, all servers at the same rate:
  half of what the slowest of them can do, so that none is overloaded. The time of a request runs
  from the moment that it was due.
- **a rival's CPU time ÷ ours**: what all processes of a server take of the processor for each row,
  in the closed loops: the figure that other programs on the machine disturb least.
- **alarm … ÷ undefended**: many rows a request, our server, beside the model as it came. Method
  `stage` changes the last stage, so that the alarm is a second tail; method `deep` changes every
  layer, so that the alarm is a second pass.
- **memory**: after many models of PreAct-ResNet18 were loaded, asked and deleted, beside after one.
"""


def explained(found: Sequence[Figure], rows: Sequence[Row]) -> list[str]:
    """What is missed, and why as far as it follows from what was measured."""
    missed = [one for one in found if not one.is_reached]
    if not missed:
        return ["Everything is reached.", ""]
    told = [
        f"- {one.what}{', ' + one.model if one.model else ''}: {one.value:.2f} instead of"
        f" {one.goal}. {_why(one)}".rstrip()
        for one in missed
    ]
    failed = sum(row.failed for row in rows)
    if failed:
        told.append(f"- {failed} requests failed in all; the column `failed` says whose.")
        told += [f"- {note}" for name, note in _FAILURES.items() if _has_failed(rows, name)]
    return ["### What is missed, and why", "", *told, ""]


def _has_failed(rows: Sequence[Row], server: str) -> bool:
    return any(row.failed for row in rows if row.server == server)


def _why(one: Figure) -> str:
    for begins, why in _REASONS.items():
        if one.what.startswith(begins):
            return why
    return ""


_REASONS = {
    "alarm on, method deep": "Every layer differs, so both networks run whole; sharing layers"
    " cannot lower that.",
    "alarm off": "It is the same network with other weights, so this is what one run differs from"
    " another here.",
    "alarm on, method stage": "Below the last stage both models share their work; the last stage"
    " runs twice, and its share of the network is what is lost.",
    "rows/s at saturation": "What HTTP, JSON and two processes cost a request is paid by the same"
    " cores that compute; the smaller the network, the larger that share.",
}

_FAILURES = {
    "bentoml": "BentoML's outer service lost connections to its inner one (`Cannot write to closing"
    " transport` in its log) and answered 500; its rows/s count good answers only. It ran with the"
    " uvicorn and starlette of this environment; others were not tried.",
}
