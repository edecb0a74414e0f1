"""The simulation as a picture: what workers and connections a day's jobs need, and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.capacity.costs import CONNECTIONS, RESNET

PATH = Path("docs/architecture/12-past-one-cluster.svg")


def draw(found: dict[str, Any]) -> None:
    """Writes it."""
    mpl.rcParams["svg.hashsalt"] = "capacity"  # the same picture from the same numbers
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    jobs = found["jobs"]
    load = [point["jobs_a_day"] for point in jobs]
    left.loglog(load, [point["workers"] for point in jobs], "o-", label="workers")
    left.loglog(load, [point["connections"] for point in jobs], "s-", label="connections")
    left.loglog(load, [point["database_cores"] for point in jobs], "^-", label="database cores")
    left.axhline(CONNECTIONS, color="grey", linestyle=":", label="max_connections by default")
    left.axhline(found["about"]["database_cores"], color="grey", linestyle="--", label="its cores")
    left.set(xlabel="jobs a day", title="at the peak, simulated")
    left.legend(fontsize=8)
    for quantile, marker in (("p50", "o"), ("p99", "s")):
        for kind, filled in (("simulated", "none"), ("measured", "full")):
            right.plot(
                [point["offered"] for point in found["beside"] if point["model"] == RESNET],
                [p[f"{kind}_{quantile}_ms"] for p in found["beside"] if p["model"] == RESNET],
                marker,
                fillstyle=filled,
                label=f"{quantile} {kind}",
            )
    right.set(
        xlabel="single predictions a second, at random", ylabel="ms", title=RESNET, ylim=(0, None)
    )
    right.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(PATH, metadata={"Date": None})
