"""The two ends that touch the network and the clock. Neither decides anything: they do what calls
and flows say."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

import anyio
import httpx
from anyio import to_thread

from client.call import Call
from client.downloads import Download
from client.errors import ProblemError, UnreachableError
from client.flow import Exchange, Fetch, Flow, Pause, Step, Work
from client.following import Following
from client.records import Event
from client.requests import checked, is_error, request_of
from client.retries import Retries
from client.streams import told

T = TypeVar("T")


class Sender:
    """Does calls and flows in this thread."""

    def __init__(
        self, http: httpx.Client, retries: Retries, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.http = http
        self._retries = retries
        self._sleep = sleep

    def run(self, wanted: Call[T] | Flow[T]) -> T:
        """What it comes to."""
        flow = _as_flow(wanted, self._retries)
        try:
            step = next(flow)
            while True:
                try:
                    outcome = self._do(step)
                except Exception as error:  # noqa: BLE001 - the flow decides
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as end:
            return cast("T", end.value)

    def events(self, following: Following) -> Iterator[Event]:
        """One event after the other, until the last."""
        while not following.is_over:
            error: Exception | None = None
            try:
                yield from self._heard(following)
            except (UnreachableError, ProblemError) as problem:
                error = problem
            if not following.is_over:
                self._sleep(following.breaks(error, self._retries))

    def close(self) -> None:
        self.http.close()

    def _do(self, step: Step) -> Any:  # noqa: ANN401
        match step:
            case Call():
                return self.run(step)
            case Exchange():
                with told(self.http.base_url):
                    answer = self.http.send(request_of(self.http, step.call))
                return checked(step.call, answer)
            case Pause():
                return self._sleep(step.seconds)
            case Work():
                return step.do()
            case Fetch():
                return self._fetch(step.download)

    def _fetch(self, download: Download) -> None:
        call = download.call()
        with told(self.http.base_url):
            answer = self.http.send(request_of(self.http, call), stream=True, follow_redirects=True)
            try:
                if is_error(call, answer):
                    answer.read()
                    checked(call, answer)
                with download.taking(answer) as file:
                    for portion in answer.iter_bytes():
                        file.write(portion)
                        download.took(len(portion))
            finally:
                answer.close()

    def _heard(self, following: Following) -> Iterator[Event]:
        call = following.call()
        with told(self.http.base_url):
            answer = self.http.send(request_of(self.http, call), stream=True)
            try:
                if is_error(call, answer):
                    answer.read()
                    checked(call, answer)
                following.begins(answer.status_code)
                for line in answer.iter_lines():
                    if event := following.hear(line):
                        yield event
            finally:
                answer.close()


class AsyncSender:
    """Does calls and flows in an event loop."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        retries: Retries,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.http = http
        self._retries = retries
        self._sleep = sleep

    async def run(self, wanted: Call[T] | Flow[T]) -> T:
        """What it comes to."""
        flow = _as_flow(wanted, self._retries)
        try:
            step = next(flow)
            while True:
                try:
                    outcome = await self._do(step)
                except Exception as error:  # noqa: BLE001 - the flow decides
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as end:
            return cast("T", end.value)

    async def events(self, following: Following) -> AsyncIterator[Event]:
        """One event after the other, until the last."""
        while not following.is_over:
            error: Exception | None = None
            try:
                async for event in self._heard(following):
                    yield event
            except (UnreachableError, ProblemError) as problem:
                error = problem
            if not following.is_over:
                await self._sleep(following.breaks(error, self._retries))

    async def close(self) -> None:
        await self.http.aclose()

    async def _do(self, step: Step) -> Any:  # noqa: ANN401
        match step:
            case Call():
                return await self.run(step)
            case Exchange():
                with told(self.http.base_url):
                    answer = await self.http.send(request_of(self.http, step.call))
                return checked(step.call, answer)
            case Pause():
                return await self._sleep(step.seconds)
            case Work():
                return await to_thread.run_sync(step.do)
            case Fetch():
                return await self._fetch(step.download)

    async def _fetch(self, download: Download) -> None:
        call = download.call()
        with told(self.http.base_url):
            answer = await self.http.send(
                request_of(self.http, call), stream=True, follow_redirects=True
            )
            try:
                if is_error(call, answer):
                    await answer.aread()
                    checked(call, answer)
                with download.taking(answer) as file:
                    async for portion in answer.aiter_bytes():
                        await to_thread.run_sync(file.write, portion)
                        download.took(len(portion))
            finally:
                await answer.aclose()

    async def _heard(self, following: Following) -> AsyncIterator[Event]:
        call = following.call()
        with told(self.http.base_url):
            answer = await self.http.send(request_of(self.http, call), stream=True)
            try:
                if is_error(call, answer):
                    await answer.aread()
                    checked(call, answer)
                following.begins(answer.status_code)
                async for line in answer.aiter_lines():
                    if event := following.hear(line):
                        yield event
            finally:
                await answer.aclose()


def _as_flow(wanted: Call[T] | Flow[T], retries: Retries) -> Flow[T]:
    return retries.perform(wanted) if isinstance(wanted, Call) else wanted
