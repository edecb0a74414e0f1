"""Modules that torch has in another form: an exported file lacks some of what they keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad

from polarizer.onnx.operators.padding import explicit, torch_order


class Convolution(nn.Conv2d):
    """Pads as ONNX says, also unevenly and by a rule; ``padding`` is zero where torch cannot."""

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        groups: int,
        bias: bool,
        strides: Sequence[int],
        dilations: Sequence[int],
        pads: Sequence[int],
        rule: str,
    ) -> None:
        outputs, inputs, *kernel = shape
        if (len(strides), len(dilations), len(pads)) != (2, 2, 4):
            raise ValueError("strides, dilations and pads must be those of two axes")
        self._pads, self._rule = pads, rule
        half = len(pads) // 2
        self._is_even = rule in ("NOTSET", "") and tuple(pads[:half]) == tuple(pads[half:])
        super().__init__(
            inputs * groups,
            outputs,
            tuple(kernel),  # type: ignore[arg-type]
            tuple(strides),  # type: ignore[arg-type]
            tuple(pads[:half]) if self._is_even else 0,  # type: ignore[arg-type]
            tuple(dilations),  # type: ignore[arg-type]
            groups,
            bias,
        )

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, O, H', W')."""
        if not self._is_even:
            form = self.kernel_size, self.stride, self.dilation
            around = explicit(input, *form, self._pads, self._rule)
            input = pad(input, torch_order(around)) if any(around) else input
        return super().forward(input)


class BatchNorm(nn.BatchNorm2d):
    """Without the count of batches, which no file holds; its input need be no feature map."""

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__(channels, epsilon)
        self.num_batches_tracked = None

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        nn.Module._load_from_state_dict(self, *args, **kwargs)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(
                f"BatchNormalization needs channels, not an input {tuple(input.shape)}"
            )


class LayerNorm(nn.LayerNorm):
    """Scale and shift may be of others too: then they are inputs."""

    def __init__(self, shape: tuple[int, ...], epsilon: float, *, own: bool, shifts: bool) -> None:
        super().__init__(shape, epsilon, elementwise_affine=own, bias=shifts)

    def forward(self, input: Tensor, *shared: Tensor) -> Tensor:
        """``(…, C)`` → the same shape."""
        normal = super().forward(input)
        if shared:
            normal = normal * shared[0]
        return normal + shared[1] if len(shared) > 1 else normal
