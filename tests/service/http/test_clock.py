"""Whatever is set, stopped and set anew: the last call comes when it is due, and no other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from service.http.clock import Clock


@dataclass
class Loop:
    """A loop whose time passes when it is told to."""

    now: float = 0.0
    timers: list[tuple[float, object, asyncio.TimerHandle]] = field(default_factory=list)
    made: int = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when, call):  # type: ignore[no-untyped-def]
        loop = self

        class Handle:
            def cancel(self) -> None:
                loop.timers = [timer for timer in loop.timers if timer[2] is not self]  # type: ignore[comparison-overlap]

        handle = Handle()
        self.made += 1
        self.timers.append((when, call, handle))  # type: ignore[arg-type]
        return handle

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer[0] <= until]:
            when, call, handle = min(due, key=lambda timer: timer[0])
            handle.cancel()
            self.now = max(self.now, when)
            call()  # type: ignore[operator]
        self.now = until


Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "wait", "stop"]), st.integers(0, 10)), max_size=30
)


@given(steps=STEPS)
def test_the_last_call_comes_when_it_is_due(steps: list[Step]) -> None:
    loop, rang, expected = Loop(), [], []
    clock = Clock(loop)  # type: ignore[arg-type]
    due: tuple[int, int] | None = None
    for number, (what, seconds) in enumerate(steps):
        if what == "set":
            clock.set(seconds, lambda number=number: rang.append((loop.now, number)))  # type: ignore[misc]
            due = int(loop.now) + seconds, number
        elif what == "stop":
            clock.stop()
            due = None
        else:
            if due and due[0] <= loop.now + seconds:
                expected.append(due)
                due = None
            loop.wait(seconds)
        assert clock.is_set == (due is not None)
        assert len(loop.timers) <= 1
    assert rang == expected
    clock.end()
    assert not loop.timers


def test_one_timer_serves_many_requests() -> None:
    loop = Loop()
    clock = Clock(loop)  # type: ignore[arg-type]
    for _ in range(1000):
        clock.set(60, lambda: None)
        loop.wait(0.001)
        clock.stop()
    assert loop.made == 1
