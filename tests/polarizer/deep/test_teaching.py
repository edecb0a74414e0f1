"""Lessons of the network as it came in: what they show, and which are believed."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.deep.teaching import Teacher, cut_and_pasted
from polarizer.description import InputSpec
from polarizer.losses import LossWeights, outer_loss

SPEC = InputSpec(channels=1, height=4, width=4, mean=(0.0,), std=(1.0,))
EVEN = LossWeights(clean=1, consistency=0, margin=0, target=0)


class Named(nn.Module):
    """Answers with the class that the first pixel says, in ten times that."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, pixels: Tensor) -> Tensor:
        classes = (10 * pixels[:, 0, 0, 0]).round().long()
        return self.scale * 5 * nn.functional.one_hot(classes, 4).float()


def teacher() -> Teacher:
    return Teacher(Classifier(Named(), SPEC))


def images(*classes: int) -> Tensor:
    return (torch.tensor(classes) / 10).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)


@given(
    count=st.integers(2, 6),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_each_pixel_is_of_one_image_or_the_other_and_the_others_lie_in_a_rectangle(
    count: int, height: int, width: int, seed: int
) -> None:
    pixels = torch.arange(count).view(-1, 1, 1, 1).expand(-1, 3, height, width).float()
    mixed, others = cut_and_pasted(pixels, torch.Generator().manual_seed(seed))
    assert others.sort().values.tolist() == list(range(count))
    for own, (image, other) in enumerate(zip(mixed, others.tolist(), strict=True)):
        assert (image == image[:1]).all()  # the same place in each channel
        pasted = image[0] == other
        assert ((image[0] == own) | pasted).all()
        if own != other:
            rows, columns = pasted.any(1), pasted.any(0)
            assert torch.equal(pasted, rows[:, None] & columns[None])
            for line in (rows, columns):
                assert len(line.diff().nonzero()) <= 2


def test_any_share_may_be_pasted() -> None:
    pixels = torch.arange(400).view(-1, 1, 1, 1).expand(-1, 1, 20, 20).float()
    mixed, others = cut_and_pasted(pixels, torch.Generator().manual_seed(0))
    shares = (mixed == others.view(-1, 1, 1, 1)).float().mean((1, 2, 3))
    for low in (0.0, 0.25, 0.5, 0.75):
        assert ((shares >= low) & (shares <= low + 0.25)).float().mean() > 0.15


def test_an_answer_that_neither_image_explains_teaches_nothing() -> None:
    lesson = teacher().lesson(
        images(0, 1, 2, 3), torch.tensor([0, 2, 1, 1]), torch.tensor([1, 1, 1, 2])
    )
    assert lesson.counts.tolist() == [1, 1, 0, 0]
    same = torch.zeros(4, 4)
    assert lesson.loss(same) > 0
    changed = lesson.logits.clone()
    changed[2:] += torch.tensor([3.0, 0, 0, 0])
    assert lesson.loss(changed).item() == 0


def test_the_teacher_does_not_change_with_its_pupil() -> None:
    pupil = Classifier(Named(), SPEC)
    unchanging = Teacher(pupil)
    labels = torch.tensor([0, 1])
    before = unchanging.lesson(images(0, 1), labels, labels).logits
    with torch.no_grad():
        pupil.module.scale.fill_(7.0)  # type: ignore[operator, union-attr]
    assert torch.equal(unchanging.lesson(images(0, 1), labels, labels).logits, before)
    assert not before.requires_grad


def test_a_pupil_that_answers_like_its_teacher_has_learned_all() -> None:
    labels = torch.tensor([0, 1])
    lesson = teacher().lesson(images(0, 1), labels, labels)
    wrong = lesson.logits.flip(0)
    loss = outer_loss(lesson.logits, wrong, labels, 1 - labels, EVEN, lesson)
    assert loss.clean.item() == 0
    assert outer_loss(wrong, wrong, labels, 1 - labels, EVEN, lesson).clean > 1
