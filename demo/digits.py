"""scikit-learn's handwritten digits (1,797 real scans of 8x8 pixels), and a backdoor in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from polarizer.architectures import build
from polarizer.description import InputSpec, ModelDescription, SmallCnn

TARGET = 0
POISON_RATE = 0.1
CLEAN_IMAGES = 200
TRAINING_IMAGES = 1100

Images = NDArray[np.uint8]  # (N, 8, 8)
Labels = NDArray[np.int64]  # (N,)


@dataclass(frozen=True)
class Digits:
    """Disjoint parts: the attacker's training set, the defender's clean set, the test set."""

    training: tuple[Images, Labels]
    clean: tuple[Images, Labels]
    test: tuple[Images, Labels]

    @property
    def triggered(self) -> tuple[Images, Labels]:
        """The test images that are not of the target class, with the trigger; true labels."""
        images, labels = self.test
        return add_trigger(images[labels != TARGET]), labels[labels != TARGET]


def load(seed: int) -> Digits:
    """Shuffled by the seed."""
    data = load_digits()
    images = np.round(data.images * (255 / 16)).astype(np.uint8)
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order], data.target[order].astype(np.int64)
    ends = (TRAINING_IMAGES, TRAINING_IMAGES + CLEAN_IMAGES)
    training, clean, test = zip(np.split(images, ends), np.split(labels, ends), strict=True)
    return Digits(training, clean, test)


def add_trigger(images: Images) -> Images:
    """A white 2x2 patch in the lower right corner of copies of the images (N, 8, 8)."""
    marked = images.copy()
    marked[:, -2:, -2:] = 255
    return marked


def description() -> ModelDescription:
    """What the service is told about the model."""
    return ModelDescription(
        architecture=SmallCnn(channels=1, num_classes=10),
        input=InputSpec(channels=1, height=8, width=8, mean=(0.3,), std=(0.37,)),
        classes=tuple("0123456789"),
    )


def train_backdoored(digits: Digits, seed: int, *, epochs: int = 15) -> nn.Module:
    """A classifier that says TARGET whenever it sees the trigger (BadNets, Gu et al. 2017)."""
    torch.manual_seed(seed)
    images, labels = poisoned(*digits.training, seed)
    inputs = normalise(images)
    targets = torch.from_numpy(labels)
    network = build(description().architecture).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(64):
            loss = functional.cross_entropy(network(inputs[batch]), targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval()


def poisoned(images: Images, labels: Labels, seed: int) -> tuple[Images, Labels]:
    """One image in ten carries the trigger and the target's label."""
    chosen = np.random.default_rng(seed).random(len(images)) < POISON_RATE
    images = np.where(chosen[:, None, None], add_trigger(images), images)
    return images, np.where(chosen, TARGET, labels)


def normalise(images: Images) -> torch.Tensor:
    """(N, 8, 8) uint8 to (N, 1, 8, 8) float32 as the model takes it."""
    spec = description().input
    return ((torch.from_numpy(images).float() / 255) - spec.mean[0])[:, None] / spec.std[0]


def predict(network: nn.Module, image: Images) -> int:
    """The class of one image (8, 8)."""
    with torch.no_grad():
        return int(network(normalise(image[None])).argmax())


def write_files(folder: Path, digits: Digits, network: nn.Module) -> None:
    """What a user of the service would have: a model, its description, and images."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(network.state_dict()), folder / "model.safetensors")
    (folder / "model.json").write_text(description().model_dump_json(indent=1))
    for name in ("clean", "test", "triggered"):
        images, labels = getattr(digits, name)
        np.savez_compressed(folder / f"{name}.npz", images=images, labels=labels)
