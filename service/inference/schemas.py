"""What a prediction looks like. What else may be said of an image (whether the model as it came
disagrees, say) becomes another field of :class:`Prediction`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, Field

from service.inference.messages import Ranking


class ClassProbability(BaseModel):
    """One class that the image may show."""

    label: Annotated[str, Field(description="the class name", examples=["7"])]
    index: Annotated[int, Field(description="of the logit, from 0", examples=[7])]
    probability: Annotated[float, Field(description="softmax of the logits", examples=[0.973])]


class Prediction(BaseModel):
    """One image."""

    index: Annotated[int, Field(description="which image of the request, from 0", examples=[0])]
    top: Annotated[list[ClassProbability], Field(description="most probable first")]


class Predictions(BaseModel):
    """One prediction an image, in the order of the request."""

    model_id: Annotated[str, Field(examples=["mdl_01kpgs5m3w8x7v6t5r4q3p2n1m"])]
    predictions: list[Prediction]

    @classmethod
    def of(cls, model_id: str, classes: Sequence[str], rankings: Sequence[Ranking]) -> Self:
        predictions = [
            Prediction(
                index=image,
                top=[
                    ClassProbability(label=classes[index], index=index, probability=probability)
                    for index, probability in ranking
                ],
            )
            for image, ranking in enumerate(rankings)
        ]
        return cls(model_id=model_id, predictions=predictions)
