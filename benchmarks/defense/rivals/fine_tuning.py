"""Plain fine-tuning (FT) on clean images, as the yardstick in Zhu et al., ICCV 2023."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.defense.rivals.outcome import Outcome
from benchmarks.defense.rivals.training import augmented, batches, finished, trainable_copy
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages


@dataclass(frozen=True)
class FineTuning:
    """All weights, cross-entropy, SGD with momentum and a cosine schedule."""

    share: float = 1.0
    epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def repair(
        self,
        classifier: Classifier,
        clean: LabelledImages,
        device: torch.device,
        generator: torch.Generator,
    ) -> Outcome:
        """Fine-tune a copy for ``share`` of the epochs, at least one."""
        epochs = max(1, round(self.epochs * self.share))
        tuned = trainable_copy(classifier, device)
        optimizer = torch.optim.SGD(
            tuned.parameters(),
            lr=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        for _ in range(epochs):
            for pixels, labels in batches(clean, self.batch_size, device, generator):
                self.set_gradients(tuned, augmented(pixels, generator), labels)
                optimizer.step()
                optimizer.zero_grad()
            schedule.step()
        return Outcome(finished(tuned), share=epochs / self.epochs)

    def set_gradients(self, tuned: Classifier, pixels: Tensor, labels: Tensor) -> None:
        """Leave the gradient of one batch in the parameters."""
        cross_entropy(tuned(pixels), labels).backward()
