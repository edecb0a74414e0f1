"""The events of a defense as a stream that survives broken connections."""

from __future__ import annotations

from pydantic import ValidationError

from client.call import Call, nothing
from client.calls.defenses import ROOT
from client.errors import AnswerError, UnreachableError
from client.records import Event
from client.retries import Retries


class Following:
    """Which events were heard, and what to ask for next. Does nothing by itself."""

    def __init__(self, defense_id: str, *, after: int = 0) -> None:
        self._defense_id = defense_id
        self._last = after
        self._data: list[str] = []
        self._breaks = 0
        self.is_over = False

    def call(self) -> Call[None]:
        """Asks for the events after the last one heard."""
        headers = {"accept": "text/event-stream"}
        if self._last:
            headers["last-event-id"] = str(self._last)
        return Call("GET", f"{ROOT}/{self._defense_id}/events", nothing, headers=headers)

    def begins(self, status: int) -> None:
        """An answer came; 204 says that nothing follows."""
        self.is_over = status == 204

    def hear(self, line: str) -> Event | None:
        """The event that this line ends, if it ends one. Other fields, comments too, are not
        needed: the event as JSON says it all."""
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
            return None
        if line or not self._data:
            return None
        event = _event("\n".join(self._data))
        self._data.clear()
        if event.sequence <= self._last:
            return None
        self._last, self._breaks, self.is_over = event.sequence, 0, event.is_last
        return event

    def breaks(self, error: Exception | None, retries: Retries) -> float:
        """Seconds until it is asked again. Raises the error when that has gone on for too long;
        an ending without a last event is a break like any other."""
        self._data.clear()
        self._breaks += 1
        error = error or UnreachableError("the stream of events ended before its time", sent=True)
        seconds = retries.pause(error, self._breaks, repeatable=True)
        if seconds is None:
            raise error
        return seconds


def _event(data: str) -> Event:
    try:
        return Event.model_validate_json(data)
    except ValidationError as error:
        raise AnswerError("the stream holds something that is no event") from error
