"""What a prediction looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, Field

from service.inference.messages import Ranking
from service.inference.rows import Ranked


class ClassProbability(BaseModel):
    """One class that the image may show."""

    label: Annotated[str, Field(description="the class name", examples=["7"])]
    index: Annotated[int, Field(description="of the logit, from 0", examples=[7])]
    probability: Annotated[float, Field(description="softmax of the logits", examples=[0.973])]


class Prediction(BaseModel):
    """One image."""

    index: Annotated[int, Field(description="which image of the request, from 0", examples=[0])]
    top: Annotated[list[ClassProbability], Field(description="most probable first")]
    flagged: Annotated[
        bool | None,
        Field(
            description="whether the model as it came disagrees so confidently that the image may"
            " carry a trigger; null while the alarm is off"
        ),
    ]
    base_top: Annotated[
        list[ClassProbability] | None,
        Field(description="what the model as it came says; null while the alarm is off"),
    ]

    @classmethod
    def of(cls, index: int, classes: Sequence[str], ranked: Ranked) -> Self:
        return cls(
            index=index,
            top=_labelled(classes, ranked.ranking),
            flagged=ranked.flagged,
            base_top=None if ranked.base is None else _labelled(classes, ranked.base),
        )


def _labelled(classes: Sequence[str], ranking: Ranking) -> list[ClassProbability]:
    return [
        ClassProbability(label=classes[index], index=index, probability=probability)
        for index, probability in ranking
    ]


class Predictions(BaseModel):
    """One prediction an image, in the order of the request."""

    model_id: Annotated[str, Field(examples=["mdl_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    predictions: list[Prediction]

    @classmethod
    def of(cls, model_id: str, classes: Sequence[str], ranked: Sequence[Ranked]) -> Self:
        predictions = [Prediction.of(index, classes, each) for index, each in enumerate(ranked)]
        return cls(model_id=model_id, predictions=predictions)
