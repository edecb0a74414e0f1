"""Predictions over HTTP are the classifier's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from service.inference.bodies import IMAGE_TYPES, MOST_IMAGES
from tests.service.conftest import Site
from tests.service.inference.artefacts import (
    SIZE,
    Artefact,
    add_model,
    encoded,
    make_alarm,
    make_artefact,
    random_images,
)
from tests.service.inference.asking import ask, ask_several, probabilities, require_same
from tests.service.test_app import problem


@pytest.mark.parametrize("count", [1, 5, MOST_IMAGES])
def test_predictions_are_the_classifiers_own(
    served: Site, model: Artefact, model_id: str, count: int
) -> None:
    images = random_images(count, seed=count)
    answer = ask_several(served, model_id, *map(encoded, images), top="100")
    found = probabilities(answer, 7)
    torch.testing.assert_close(found, model.probabilities(images), atol=1e-5, rtol=0)


def test_the_top_is_sorted_and_labelled(served: Site, model: Artefact, model_id: str) -> None:
    image = random_images(1, seed=1)
    body: dict[str, Any] = ask(served, model_id, encoded(image[0]), top="3").json()
    expected = model.probabilities(image)[0].topk(3)
    assert body["model_id"] == model_id
    assert [
        ranked["index"] for ranked in body["predictions"][0]["top"]
    ] == expected.indices.tolist()
    for ranked in body["predictions"][0]["top"]:
        assert ranked["label"] == model.description.classes[ranked["index"]]
    assert len(ask(served, model_id, encoded(image[0])).json()["predictions"][0]["top"]) == 5


@pytest.mark.parametrize("kind", IMAGE_TYPES)
def test_the_bytes_decide_what_an_image_is(
    served: Site, model: Artefact, model_id: str, kind: str
) -> None:
    image = random_images(1, seed=2)
    for content in (encoded(image[0]), encoded(image[0], "webp", lossless=True)):
        found = probabilities(ask(served, model_id, content, kind, top="7"), 7)
        torch.testing.assert_close(found, model.probabilities(image), atol=1e-5, rtol=0)


def test_a_grey_model_takes_colours_and_a_colour_model_takes_grey(
    served: Site, model: Artefact, model_id: str, folder: Path
) -> None:
    grey = random_images(1, seed=3, channels=1)
    colour = grey.expand(1, 3, SIZE, SIZE)
    grey_model = make_artefact(folder, 100, channels=1)
    grey_id = add_model(served.resources, grey_model)
    for content in (encoded(grey[0]), encoded(colour[0])):
        for asked, artefact, image in ((grey_id, grey_model, grey), (model_id, model, colour)):
            found = probabilities(ask(served, asked, content, top="7"), 7)
            torch.testing.assert_close(found, artefact.probabilities(image), atol=1e-5, rtol=0)


def test_many_callers_of_more_models_than_fit_all_get_their_own_answer(
    served: Site, artefacts: list[Artefact]
) -> None:
    ids = [add_model(served.resources, artefact) for artefact in artefacts]

    def call(number: int) -> None:
        which = number % len(ids)
        images = random_images(1 + number % 3, seed=number)
        answer = ask_several(served, ids[which], *map(encoded, images), top="7")
        expected = artefacts[which].probabilities(images)
        torch.testing.assert_close(probabilities(answer, 7), expected, atol=1e-5, rtol=0)

    for artefact in artefacts:  # loaded here before the threads race for it
        assert artefact.classifier
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(call, range(150)))
    assert served.resources.inference.rows_waiting == 0
    blocks = served.resources.inference.engines[0].arena
    assert blocks
    assert blocks.blocks == 0


def test_a_name_predicts_with_its_model(
    served: Site, artefacts: list[Artefact], model_id: str
) -> None:
    image = encoded(random_images(1, seed=20)[0])
    other_id = add_model(served.resources, artefacts[1])
    for one in (model_id, other_id):
        served.client.put("/v1/names/animals", json={"model_id": one})
        answer = served.client.post(
            "/v1/names/animals/predict",
            content=image,
            headers={"content-type": "image/png"},
            params={"top": 7},
        )
        assert answer.json()["model_id"] == one
        require_same(answer, ask(served, one, image, top="7"))
    served.client.delete("/v1/names/animals")


@pytest.mark.parametrize("path", ["names/none", "names/{id}", "models/animals", "models/mdl_none"])
def test_what_is_not_there_predicts_nothing(served: Site, model_id: str, path: str) -> None:
    image = encoded(random_images(1, seed=21)[0])
    answer = served.client.post(
        f"/v1/{path.format(id=model_id)}/predict",
        content=image,
        headers={"content-type": "image/png"},
    )
    problem(answer, 404, "not-found")


def test_without_an_alarm_nothing_is_flagged(served: Site, model_id: str) -> None:
    body = ask(served, model_id, encoded(random_images(1, seed=22)[0])).json()
    (prediction,) = body["predictions"]
    assert (prediction["flagged"], prediction["base_top"]) == (None, None)


def test_the_alarm_says_what_the_model_as_it_came_says(
    served: Site, artefacts: list[Artefact], folder: Path
) -> None:
    alarm = make_alarm(folder, artefacts[2], threshold=0)
    with_alarm = add_model(served.resources, artefacts[2], alarm)
    images = random_images(6, seed=23)
    with torch.inference_mode():
        base = alarm.base(images / 255).softmax(dim=1)
    purified = artefacts[2].probabilities(images)
    answer = ask_several(served, with_alarm, *map(encoded, images), top="1")
    assert answer.status_code == 200, answer.text
    for index, prediction in enumerate(answer.json()["predictions"]):
        assert prediction["top"][0]["index"] == int(purified[index].argmax())
        (first,) = prediction["base_top"]
        assert first["index"] == int(base[index].argmax())
        assert first["label"] == f"class {first['index']}"
        assert abs(first["probability"] - float(base[index].max())) < 1e-4
        assert prediction["flagged"] is (first["index"] != prediction["top"][0]["index"])
