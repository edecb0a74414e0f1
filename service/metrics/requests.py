"""HTTP requests counted: by route, never by path, so that strangers cannot make new series."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
NO_ROUTE = "none"


class RequestMetrics:
    """Of one application; with them, those of its process (memory, processor, files)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "polarizer_http_requests",
            "Requests that were answered, or left by their client (status 0).",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "polarizer_http_request_seconds",
            "From the head of the request to the end of the answer.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.running = Gauge(
            "polarizer_http_requests_running",
            "Requests that are being answered.",
            registry=self.registry,
        )
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        key = method if method in METHODS else "other", route, status
        series = self._series.get(key)
        if series is None:
            method, *_ = key
            count = self._requests.labels(method, route, str(status))
            series = self._series[key] = count, self._seconds.labels(method, route)
        series[0].inc()
        series[1].observe(seconds)


class Measured:
    """Counts every request that passes, however it ends."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.running.inc()
        try:
            await self.app(scope, receive, watched)
        finally:
            self._metrics.running.dec()
            seconds = time.perf_counter() - started
            self._metrics.answered(scope["method"], route_of(scope), status, seconds)


def route_of(scope: Scope) -> str:
    """The route's template, ``/v1/models/{model_id}``."""
    return getattr(scope.get("route"), "path", NO_ROUTE)
