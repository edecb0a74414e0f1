"""What may be asked of a model, and the numbers of it out of an engine's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import InferenceRequestError
from service.inference.rows import Answer
from service.oip.requests import InferRequest, RequestedOutput

LOGITS = "logits"
PROBABILITIES = "probabilities"
BASE_LOGITS = "base_logits"
FLAGGED = "flagged"
WITHOUT_ALARM = (LOGITS, PROBABILITIES)
WITH_ALARM = (*WITHOUT_ALARM, BASE_LOGITS, FLAGGED)


@dataclass(frozen=True, eq=False)
class Output:
    """One output as it is answered: in the JSON, or as binary data behind it."""

    name: str
    array: NDArray[Any]
    binary: bool


def offered(alarm: bool) -> tuple[str, ...]:
    """The outputs that a model has; with its alarm on, those of the model as it came too."""
    return WITH_ALARM if alarm else WITHOUT_ALARM


def datatype(name: str) -> str:
    return "BOOL" if name == FLAGGED else "FP32"


def require_known(request: InferRequest) -> None:
    """Raises InferenceRequestError when a request asks for what no model answers."""
    names = [output.name for output in request.outputs]
    if len(set(names)) != len(names):
        raise InferenceRequestError(f"the outputs are {names!r:.200}; name each once")
    for output in request.outputs:
        _require_known(output)


def _require_known(output: RequestedOutput) -> None:
    if output.name not in WITH_ALARM:
        raise InferenceRequestError(
            f"there is no output {output.name!r:.80}; ask for {', '.join(WITH_ALARM)}"
        )
    if output.parameters.classification:
        raise InferenceRequestError(
            f"classification of {output.name} is not offered; ask for {PROBABILITIES}, the labels"
            " are in the model's metadata"
        )
    if output.parameters.shared_memory_region is not None:
        raise InferenceRequestError(
            f"{output.name} cannot be written to a shared memory region; leave that parameter out"
        )


def outputs(request: InferRequest, answer: Answer) -> list[Output]:
    """What the request asks for; all that there is when it names nothing.

    Raises InferenceRequestError for what only an alarm answers, when it is off.
    """
    alarm = answer.flagged is not None
    binary = request.parameters.binary_data_output
    if not request.outputs:
        return [Output(name, array(name, answer), binary) for name in offered(alarm)]
    found = []
    for asked in request.outputs:
        if asked.name not in offered(alarm):
            raise InferenceRequestError(
                f"{asked.name} is answered while the model's alarm is on, and it is off"
            )
        own = asked.parameters.binary_data
        found.append(Output(asked.name, array(asked.name, answer), binary if own is None else own))
    return found


def array(name: str, answer: Answer) -> NDArray[Any]:
    """One output: ``flagged`` is bool ``(N,)``, the others are float32 ``(N, K)``."""
    if name == FLAGGED:
        return np.array(answer.flagged, dtype=np.bool_)
    source = answer.base_logits if name == BASE_LOGITS else answer.logits
    logits = np.frombuffer(source or b"", "<f4").reshape(answer.count, answer.classes)
    return softmax(logits) if name == PROBABILITIES else logits


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each row ``(N, K)``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return found
