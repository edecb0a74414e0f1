"""A network without memory: what an architecture would hold, before anything is allocated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from polarizer.errors import ArchitectureError

MAX_ELEMENTS = 1_000_000_000
"""Numbers that a network may hold when nothing else bounds it: 4 GB of float32."""

_MOST_TENSORS = 50_000


class _Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is created in this thread, and stops a construction that goes too far."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: to tell the compiler to stay away, torch would load it, for seconds."""
        return False

    def __init__(self, max_elements: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._max_elements = max_elements
        self._elements = 0
        self._tensors = 0

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: Any = (),  # noqa: ANN401
        kwargs: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run ``func``; count its result unless it shares the memory of an argument."""
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and all(
            returned.alias_info is None for returned in func._schema.returns
        ):
            self._count(result.numel())
        return result

    def _count(self, elements: int) -> None:
        self._elements += elements
        self._tensors += 1
        if self._elements > self._max_elements:
            raise ArchitectureError(
                f"the architecture asks for more than {self._max_elements:,} numbers; "
                "use a smaller width or smaller layers"
            )
        if self._tensors > _MOST_TENSORS:
            raise ArchitectureError(
                f"the architecture asks for more than {_MOST_TENSORS:,} tensors; use fewer layers"
            )


def blueprint(construct: Callable[[], nn.Module], max_elements: int = MAX_ELEMENTS) -> nn.Module:
    """What ``construct`` builds, on the meta device: shapes and types, no memory.

    Raises :class:`ArchitectureError` as soon as it asks for more than ``max_elements`` numbers.
    """
    with torch.device("meta"), _Meter(max_elements):
        return construct()
