"""The methods of both clients about the caller's tenant."""

from __future__ import annotations

from client.calls import tenant as calls
from client.endpoint import AnySender, Endpoint, Room
from client.flows import leaving


class Tenant(Room[AnySender]):
    """What the caller's tenant keeps, and how it leaves."""

    retention = Endpoint(calls.retention)
    keep = Endpoint(calls.keep)
    export = Endpoint(leaving.export)
    erase = Endpoint(calls.erase)
    erase_and_wait = Endpoint(leaving.erase_and_wait)
    erasure = Endpoint(calls.erasure)
    erasures = Endpoint(calls.erasures)
    certificate = Endpoint(calls.certificate)
