"""The Python client of the service; needs no torch.

from client import Polarizer

with Polarizer("http://127.0.0.1:8000") as service:
    defense = service.defenses.defend(model="model.safetensors", clean="clean/")
    defense = service.defenses.wait(defense.id)
    service.models.download(defense.model_id, "purified.safetensors")
"""

from __future__ import annotations

from client.clients import AsyncPolarizer, Polarizer
from client.errors import (
    AnswerError,
    BusyError,
    ClientError,
    ConfigurationError,
    ConflictError,
    DefenseEndedError,
    DigestError,
    ForbiddenError,
    InputError,
    NotFoundError,
    ProblemError,
    RejectedError,
    ServiceError,
    UnauthorisedError,
    UnreachableError,
)
from client.flows.waiting import require_success
from client.retries import Retries
from client.sources import Source

__all__ = [
    "AnswerError",
    "AsyncPolarizer",
    "BusyError",
    "ClientError",
    "ConfigurationError",
    "ConflictError",
    "DefenseEndedError",
    "DigestError",
    "ForbiddenError",
    "InputError",
    "NotFoundError",
    "Polarizer",
    "ProblemError",
    "RejectedError",
    "Retries",
    "ServiceError",
    "Source",
    "UnauthorisedError",
    "UnreachableError",
    "require_success",
]
