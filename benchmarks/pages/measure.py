"""One page, opened again and again: with an empty cache, and as somebody does who comes back."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import Any

from tests.service.pages.chromium import Browser

_NOTED = """(() => {
    window.largest = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) window.largest = one.startTime;
    }).observe({type: 'largest-contentful-paint', buffered: true});
})()"""
_SEEN = """(() => {
    const first = performance.getEntriesByName('first-contentful-paint')[0];
    if (!first || !document.querySelector('main h1, main h2, header h1')) return null;
    const all = [...performance.getEntriesByType('navigation'),
                 ...performance.getEntriesByType('resource')];
    return {first: first.startTime, requests: all.length,
            bytes: all.reduce((sum, one) => sum + one.transferSize, 0)};
})()"""
_IDLE = "new Promise((done) => requestIdleCallback(() => done(true), {timeout: 5000}))"


@dataclass(frozen=True)
class Opened:
    """Milliseconds from the start of the navigation, bytes of all answers with their heads."""

    first: float
    largest: float
    requests: int
    bytes: int


@dataclass(frozen=True)
class Figures:
    """Of one page. ``empty``: nothing is cached; ``known``: its files are."""

    name: str
    empty: list[Opened]
    known: list[Opened]

    def as_json(self) -> dict[str, Any]:
        """Medians, the slowest first paint, and every run."""
        sides = {"empty": self.empty, "known": self.known}
        return {"name": self.name} | {side: _summary(runs) for side, runs in sides.items()}


def measured(page: Browser, name: str, url: str, runs: int) -> Figures:
    """Opens it ``runs`` times in each way; a first time, which starts things, does not count."""
    page.ask("Network.enable")
    page.ask("Page.addScriptToEvaluateOnNewDocument", source=_NOTED)
    _opened(page, url, empty=True)
    empty = [_opened(page, url, empty=True) for _ in range(runs)]
    known = [_opened(page, url, empty=False) for _ in range(runs)]
    return Figures(name, empty, known)


def _opened(page: Browser, url: str, *, empty: bool) -> Opened:
    page.open("about:blank")
    if empty:
        page.ask("Network.clearBrowserCache")
    page.open(url)
    page.wait(_SEEN)
    page.look(_IDLE)
    return Opened(largest=page.look("window.largest"), **page.look(_SEEN))


def _summary(runs: list[Opened]) -> dict[str, Any]:
    every = [asdict(run) for run in runs]
    medians = {name: round(statistics.median(run[name] for run in every), 1) for name in every[0]}
    slowest = round(max(run.first for run in runs), 1)
    return {"median": medians, "slowest_first": slowest, "first": [round(r.first, 1) for r in runs]}
