"""Three maps of features that know a class (CNPD; Zhu et al., 2025, arXiv 2502.18520).

Each takes features ``(N, P, C)`` (``P`` positions of a feature map, tokens, or one pooled vector)
and a class for each image, int64 ``(N,)``, and returns features of the same shape. Each starts as
the identity.

The published polarizer is a 1x1 convolution and a BatchNorm. Here the BatchNorm is left out: once
trained, both together are one affine map, and a batch holds too few images of each class for
statistics of their own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from polarizer.config import Method
from polarizer.errors import ConfigError

MOST_REPLICAS = 100
"""Classes above which one polarizer for each is refused: they would outweigh the network."""

EMBEDDING = 64  # features that describe a class
HEADS = 8


class ReplicatedPolarizer(nn.Module):
    """r-CNPD: an affine map for each class, ``z + z D_c + b_c``.

    Raises :class:`ConfigError` for more than :data:`MOST_REPLICAS` classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        if classes > MOST_REPLICAS:
            raise ConfigError(
                f"method r-cnpd keeps a polarizer for each of at most {MOST_REPLICAS} classes, "
                f'this model has {classes}; use "e-cnpd" or "a-cnpd"'
            )
        self.deviations = nn.Parameter(torch.zeros(classes, channels, channels))
        self.shifts = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        """(N, P, C), (N,) → (N, P, C)."""
        order = classes.argsort(stable=True)
        counts = torch.bincount(classes, minlength=len(self.shifts)).tolist()
        changes = [
            part @ self.deviations[number] + self.shifts[number]
            for number, part in enumerate(torch.split(features[order], counts))
            if len(part)
        ]
        return features + torch.cat(changes)[order.argsort()]


class EmbeddedPolarizer(nn.Module):
    """e-CNPD: one affine map of the features and, beside them, an embedding ``e_c`` of the class.

    ``z + [z, e_c] D + b``: written as one matrix for the features and one for the embedding, so
    that nothing is repeated over the positions.
    """

    def __init__(
        self, channels: int, classes: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.deviation = nn.Parameter(torch.zeros(channels, channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.embedding = nn.Parameter(drawn((classes, EMBEDDING), generator))
        self.mixing = nn.Parameter(torch.zeros(EMBEDDING, channels))

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        """(N, P, C), (N,) → (N, P, C)."""
        of_class = self.embedding[classes] @ self.mixing + self.shift
        return features + features @ self.deviation + of_class[:, None]


class AttentivePolarizer(nn.Module):
    """a-CNPD: one affine map, and what the class attends to in the features.

    Each of 8 heads compares a key of the position with a query of the class; the sigmoid of their
    scaled product says how much of the head's value is added. A sigmoid for each position instead
    of a softmax over all of them: a trigger may stand at one position or at all, and on a pooled
    vector a softmax over its single position would be 1 whatever the class.
    """

    def __init__(
        self, channels: int, classes: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.deviation = nn.Parameter(torch.zeros(channels, channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.queries = nn.Parameter(drawn((classes, EMBEDDING), generator))
        self.keys = nn.Parameter(drawn((channels, EMBEDDING), generator) / math.sqrt(channels))
        self.values = nn.Parameter(drawn((channels, EMBEDDING), generator) / math.sqrt(channels))
        self.mixing = nn.Parameter(torch.zeros(EMBEDDING, channels))

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        """(N, P, C), (N,) → (N, P, C)."""
        keys = layer_norm(features, features.shape[-1:]) @ self.keys
        products = _in_heads(keys * self.queries[classes][:, None])
        attention = (products.sum(3) / math.sqrt(EMBEDDING / HEADS)).sigmoid()
        values = _in_heads(features @ self.values) * attention[..., None]
        return features + features @ self.deviation + self.shift + values.flatten(2) @ self.mixing


def form(
    method: Method, channels: int, classes: int, generator: torch.Generator | None
) -> nn.Module:
    """The untrained polarizer of ``method``; :class:`ConfigError` for too many classes.

    ``generator`` (of the CPU) draws the embeddings; without one they are zeros, to be loaded.
    """
    if method is Method.R_CNPD:
        return ReplicatedPolarizer(channels, classes)
    kind = EmbeddedPolarizer if method is Method.E_CNPD else AttentivePolarizer
    return kind(channels, classes, generator)


def _in_heads(features: Tensor) -> Tensor:
    return features.reshape(*features.shape[:2], HEADS, -1)


def drawn(shape: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers, or zeros when there is nothing to draw them from."""
    if generator is None:
        return torch.zeros(shape)
    return torch.randn(shape, generator=generator, device="cpu")
