"""Methods that are written once and are there twice: for threads and for event loops."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar, overload

from client.call import Call
from client.flow import Flow
from client.following import Following
from client.records import Event
from client.sending import AsyncSender, Sender

P = ParamSpec("P")
T = TypeVar("T")
AnySender = TypeVar("AnySender", bound=Sender | AsyncSender)


class Room(Generic[AnySender]):
    """Methods about one kind of thing."""

    def __init__(self, sender: AnySender) -> None:
        self._sender = sender


class Endpoint(Generic[P, T]):
    """A method made of a function that returns a call or a flow: returns what that comes to, or an
    awaitable of it."""

    def __init__(self, describe: Callable[P, Call[T]] | Callable[P, Flow[T]]) -> None:
        self._describe: Callable[P, Any] = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, room: Room[Sender], kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, room: Room[AsyncSender], kind: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, room: Room[Any], kind: type) -> Callable[P, Any]:
        @functools.wraps(self._describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401
            return room._sender.run(self._describe(*args, **kwargs))

        return method


class EventStream(Generic[P]):
    """A method that follows a defense: an iterator of events, or an asynchronous one."""

    def __init__(self, describe: Callable[P, Following]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, room: Room[Sender], kind: type) -> Callable[P, Iterator[Event]]: ...
    @overload
    def __get__(self, room: Room[AsyncSender], kind: type) -> Callable[P, AsyncIterator[Event]]: ...
    def __get__(self, room: Room[Any], kind: type) -> Callable[P, Any]:
        @functools.wraps(self._describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401
            return room._sender.events(self._describe(*args, **kwargs))

        return method
