"""The JSON of an inference request, checked for its form; numbers are looked at in tensors.py."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.errors import InferenceRequestError

Name = Annotated[str, Field(max_length=256)]
Dimension = Annotated[int, Field(ge=0, le=2**31)]


class _Part(BaseModel):
    """Unknown members are ignored, as the protocol allows; known ones have their exact type."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class InputParameters(_Part):
    binary_data_size: Annotated[
        int | None, Field(ge=0, description="bytes of this tensor after the JSON")
    ] = None
    shared_memory_region: str | None = None


class InputTensor(_Part):
    """One input: its numbers are in ``data`` (flat or nested, row-major), or follow the JSON."""

    name: Name
    shape: Annotated[tuple[Dimension, ...], Field(max_length=8, strict=False)]
    datatype: Name
    parameters: InputParameters = InputParameters()
    data: Any = None


class OutputParameters(_Part):
    binary_data: bool | None = None
    classification: Annotated[int | None, Field(ge=0)] = None
    shared_memory_region: str | None = None


class RequestedOutput(_Part):
    """One output that shall be answered, and how."""

    name: Name
    parameters: OutputParameters = OutputParameters()


class RequestParameters(_Part):
    binary_data_output: Annotated[
        bool, Field(description="outputs come as binary data unless they say otherwise")
    ] = False


class InferRequest(_Part):
    """What to infer, from what, and which outputs to answer; none named: all that there are."""

    id: Annotated[str | None, Field(max_length=1024, description="comes back as it is")] = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[tuple[InputTensor, ...], Field(max_length=16, strict=False)]
    outputs: Annotated[tuple[RequestedOutput, ...], Field(max_length=16, strict=False)] = ()


SHORT = 1024
"""Bytes of a JSON that is remembered, and what it says: a client whose tensors follow it sends the
same one again and again."""


def parse(json: memoryview) -> InferRequest:
    """Raises InferenceRequestError, which names the member that is wrong."""
    return _remembered(bytes(json)) if len(json) <= SHORT else _parse(json)


@lru_cache(maxsize=256)
def _remembered(json: bytes) -> InferRequest:
    return _parse(json)


def _parse(json: bytes | memoryview) -> InferRequest:
    try:
        return InferRequest.model_validate(orjson.loads(json))
    except orjson.JSONDecodeError as error:
        raise InferenceRequestError(f"the JSON of the request cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the request"
        raise InferenceRequestError(f"{where}: {first['msg']}") from error
