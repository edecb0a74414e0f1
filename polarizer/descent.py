"""Normalised momentum descent for polarizers (Cutkosky & Mehta, 2020).

The losses of one network are steep and of another flat, and no fixed factor on the gradient suits
both. Here a step has a length instead. With ``n`` polarizers each map ``I + D`` changes by ``lr/n``
in Frobenius norm, so no feature by more than that fraction of its norm, and a feature that passes
all of them by no more than about ``lr``: one learning rate serves networks of any width and depth.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


class NormalisedDescent(torch.optim.Optimizer):
    """Steps of Frobenius norm ``lr / n`` for each of ``n`` deviations ``(g, C/g, C/g)``.

    ``momentum`` averages the gradients before they are normalised; ``weight_decay`` draws the
    deviations to zero, that is the maps to the identity, by ``lr * weight_decay`` a step.
    """

    def __init__(
        self, deviations: Iterable[Tensor], *, lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(deviations, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step against the averaged gradient of every deviation."""
        for group in self.param_groups:
            length = group["lr"] / len(group["params"])
            for deviation in group["params"]:
                direction = self._averaged(deviation, group["momentum"])
                scale = length / direction.norm().clamp(min=torch.finfo(direction.dtype).tiny)
                deviation.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction * scale)

    def _averaged(self, deviation: Tensor, momentum: float) -> Tensor:
        state = self.state[deviation]
        if "average" not in state:
            state["average"] = torch.zeros_like(deviation)
        return state["average"].lerp_(deviation.grad, 1 - momentum)  # type: ignore[no-any-return]
