"""The two clients. Their methods are the same; those of :class:`AsyncPolarizer` are awaited."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from client.calls import health, models
from client.configuration import Configuration
from client.endpoint import AnySender, Endpoint, Room
from client.retries import Retries
from client.rooms import Defenses, Keys, Models, Multiparts, Names, Tensors, Uploads, Webhooks
from client.sending import AsyncSender, Sender
from client.tenant import Tenant

CONNECT_SECONDS = 10.0


class _Everything(Room[AnySender]):
    """What both clients have."""

    predict = Endpoint(models.predict)
    ready = Endpoint(health.ready)
    openapi = Endpoint(health.openapi)

    def __init__(self, sender: AnySender) -> None:
        super().__init__(sender)
        self.uploads: Uploads[AnySender] = Uploads(sender)
        self.multiparts: Multiparts[AnySender] = Multiparts(sender)
        self.defenses: Defenses[AnySender] = Defenses(sender)
        self.models: Models[AnySender] = Models(sender)
        self.names: Names[AnySender] = Names(sender)
        self.keys: Keys[AnySender] = Keys(sender)
        self.webhooks: Webhooks[AnySender] = Webhooks(sender)
        self.tenant: Tenant[AnySender] = Tenant(sender)
        self.tensors: Tensors[AnySender] = Tensors(sender)


class Polarizer(_Everything[Sender]):
    """A client of the service. Address, key and time limit (seconds, for one answer) that are not
    given come from the environment and the configuration file (docs/client.md).

    May be shared by threads. Use it in a ``with`` block, or ``close`` it.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = None,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        settings = Configuration.load(url=url, api_key=api_key, timeout=timeout)
        http = httpx.Client(
            base_url=settings.url,
            headers=settings.headers,
            timeout=httpx.Timeout(settings.timeout, connect=CONNECT_SECONDS),
            transport=transport,
        )
        self.configuration = settings
        super().__init__(Sender(http, retries or Retries()))

    def close(self) -> None:
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncPolarizer(_Everything[AsyncSender]):
    """The same for event loops (asyncio, trio)."""

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = None,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        settings = Configuration.load(url=url, api_key=api_key, timeout=timeout)
        http = httpx.AsyncClient(
            base_url=settings.url,
            headers=settings.headers,
            timeout=httpx.Timeout(settings.timeout, connect=CONNECT_SECONDS),
            transport=transport,
        )
        self.configuration = settings
        super().__init__(AsyncSender(http, retries or Retries()))

    async def close(self) -> None:
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()
