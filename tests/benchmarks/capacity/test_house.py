"""The stations beside what can be said of them on paper."""

from __future__ import annotations

import pytest

from benchmarks.capacity.costs import Costs
from benchmarks.capacity.house import DAY, PEAK, Writes, jobs, predictions, workers_for

COSTS = Costs(
    purifying=(16 / 3,),
    service=1.0,
    shares={"validating": 0.1, "evaluating": 0.4},
    database=dict.fromkeys(("create", "claim", "renew", "progress", "get", "end"), 0.001),
    web=0.001,
    idle=0.002,
    batch=0.003,
    row=0.004,
)


def test_a_database_is_as_busy_as_its_transactions_take() -> None:
    load = DAY * 2 / PEAK  # two a second
    point = jobs(COSTS, load, cores=8, writes=Writes(renewal=2.0, progress=5.0), seconds=2000)
    telling = 16 / 3 * 1.4
    a_job = 3 + 9 / 2 + telling / 5 + 5 + 4  # ends, renewals, progress, polls, stages
    assert point.workers == workers_for(COSTS, load) == 23
    assert point.connections == 46
    assert point.transactions_a_second == pytest.approx(2 * a_job, rel=0.1)
    assert point.database_cores == pytest.approx(2 * a_job * 0.001, rel=0.1)


def test_a_job_is_its_stages_in_order() -> None:
    stages = COSTS.stages(6.0)
    assert list(stages) == ["service", "validating", "purifying", "evaluating"]
    assert stages == pytest.approx(
        {"service": 1.0, "validating": 0.6, "purifying": 6.0, "evaluating": 2.4}
    )
    assert COSTS.job == pytest.approx(9)


def test_fewer_writes_keep_it_less_busy() -> None:
    often, seldom = (
        jobs(COSTS, 1e4, cores=1, writes=Writes(renewal=between), seconds=200).database_cores
        for between in (1.0, 10.0)
    )
    assert seldom < often


def test_a_prediction_that_meets_nobody_takes_the_sum_of_its_parts() -> None:
    answers = predictions(COSTS, 0.5, processes=1, seconds=400)
    assert answers.p50 == pytest.approx(0.010)


def test_more_processes_wait_less() -> None:
    few, many = (predictions(COSTS, 300, processes=count, seconds=60) for count in (2, 4))
    assert many.p99 < few.p99
    assert many.web_busy == pytest.approx(few.web_busy / 2, rel=0.1)
