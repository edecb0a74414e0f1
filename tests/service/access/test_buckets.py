"""Token buckets: never more than the burst and what has flowed in since."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.buckets import Bucket, Buckets, Rate

RATES = st.builds(
    Rate,
    name=st.just("one"),
    per_second=st.floats(min_value=0.01, max_value=1000),
    burst=st.integers(min_value=1, max_value=50),
)


@given(RATES, st.lists(st.floats(min_value=0, max_value=10), max_size=200))
def test_no_more_is_taken_than_there_is(rate: Rate, pauses: list[float]) -> None:
    bucket, moment, taken = Bucket(rate, 0.0), 0.0, 0
    for pause in pauses:
        moment += pause
        found = bucket.take(moment)
        taken += not found.wait
        assert found.left <= rate.burst
        assert taken <= rate.burst + moment * rate.per_second + 1e-6


@given(RATES)
def test_who_waits_as_long_as_told_is_served(rate: Rate) -> None:
    bucket, moment = Bucket(rate, 0.0), 0.0
    for _ in range(rate.burst):
        assert bucket.take(moment).wait == 0
    found = bucket.take(moment)
    assert found.wait > 0
    assert bucket.take(moment + found.wait * (1 + 1e-9) + 1e-9).wait == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(Rate("one", 1, 1), 100.0)
    assert bucket.take(100.0).wait == 0
    assert bucket.take(50.0).wait > 0
    assert bucket.take(50.5).wait > 0


def test_names_do_not_share_and_are_bounded() -> None:
    buckets = Buckets(most=3)
    rates = [Rate(str(number), 1, 1) for number in range(5)]
    assert [buckets.take(rate, 0.0).wait for rate in rates] == [0] * 5
    assert buckets.take(rates[4], 0.0).wait > 0
    assert len(buckets._buckets) == 3


@pytest.mark.parametrize("changed", [Rate("one", 2, 1), Rate("one", 1, 2)])
def test_a_changed_limit_holds_at_once(changed: Rate) -> None:
    buckets = Buckets()
    assert buckets.take(Rate("one", 1, 1), 0.0).wait == 0
    assert buckets.take(changed, 0.0).wait == 0
    assert buckets.take(changed, 0.0).left == 0
