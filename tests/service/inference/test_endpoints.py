"""Predictions over HTTP are the classifier's own; what cannot be answered is a clear problem."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from torch import Tensor

from service.inference.bodies import IMAGE_TYPES, MOST_IMAGES
from service.models import repository
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
from tests.service.test_app import problem
from tests.waiting import wait_until


def ask(
    site: Site, model_id: str, content: bytes, kind: str = "image/png", **params: str
) -> httpx.Response:
    return site.client.post(
        f"/v1/models/{model_id}/predict",
        content=content,
        headers={"content-type": kind},
        params=params,
    )


def ask_several(site: Site, model_id: str, *images: bytes, **params: str) -> httpx.Response:
    files = [("image", (f"{number}.png", image)) for number, image in enumerate(images)]
    return site.client.post(f"/v1/models/{model_id}/predict", files=files, params=params)


def probabilities(answer: httpx.Response, classes: int) -> Tensor:
    """``(N, K)``, of an answer that names all classes."""
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert [prediction["index"] for prediction in predictions] == list(range(len(predictions)))
    table = torch.zeros(len(predictions), classes)
    for prediction in predictions:
        for ranked in prediction["top"]:
            table[prediction["index"], ranked["index"]] = ranked["probability"]
    return table


def require_same(answer: httpx.Response, before: httpx.Response) -> None:
    """The same answer, to the last digits: sums in another order differ by rounding."""
    found, expected = (probabilities(each, 7) for each in (answer, before))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def model(artefacts: list[Artefact]) -> Artefact:
    return artefacts[0]


@pytest.fixture(scope="module")
def model_id(served: Site, model: Artefact) -> str:
    return add_model(served.resources, model)


# What is right


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


# What is wrong with a request


@pytest.mark.parametrize("kind", ["", "text/plain", "image/svg+xml", "image/gif", "image/*"])
def test_another_media_type_is_refused(served: Site, model_id: str, kind: str) -> None:
    body = problem(ask(served, model_id, b"<svg/>", kind), 415, "media-type")
    assert "image/png" in str(body["detail"])


def test_too_large_a_body_is_refused(served: Site, model_id: str) -> None:
    over = bytes(served.settings.max_image_bytes + 1)
    problem(ask(served, model_id, over), 413, "too-large")
    problem(ask_several(served, model_id, over[: len(over) // 2], over), 413, "too-large")


@pytest.mark.parametrize("top", ["0", "101", "x"])
def test_top_has_bounds(served: Site, model_id: str, top: str) -> None:
    problem(ask(served, model_id, b"image", top=top), 422, "invalid-request")


def form(*parts: tuple[str, str]) -> bytes:
    """A form of ``(header after the name, content)``."""
    body = "".join(
        f"--b\r\nContent-Disposition: form-data; {header}\r\n\r\n{content}\r\n"
        for header, content in parts
    )
    return f"{body}--b--\r\n".encode()


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (form(('name="image"', "x")), "multipart/form-data; boundary=b", "cannot be read"),
        (form(('name="file"; filename="a"', "x")), "multipart/form-data; boundary=b", "'file'"),
        (b"--b--\r\n", "multipart/form-data; boundary=b", "no part named"),
        (b"\0\1\2", "multipart/form-data; boundary=b", "cannot be read"),
        (b"--b", "multipart/form-data", "cannot be read"),
        (
            form(('name="image"; filename="a"', "x")).removesuffix(b"--\r\n"),
            "multipart/form-data; boundary=b",
            "before its last boundary",
        ),
        (
            form(*[('name="image"; filename="a"', "x")] * (MOST_IMAGES + 1)),
            "multipart/form-data; boundary=b",
            "at most 64",
        ),
    ],
)
def test_a_form_that_holds_something_else_is_refused(
    served: Site, model_id: str, content: bytes, kind: str, message: str
) -> None:
    answer = ask(served, model_id, content, kind)
    assert message in str(problem(answer, 422, "invalid-request")["detail"])


def test_a_part_of_another_type_is_named(served: Site, model_id: str) -> None:
    files = [("image", ("page.html", b"<html/>", "text/html"))]
    answer = served.client.post(f"/v1/models/{model_id}/predict", files=files)
    assert "page.html" in str(problem(answer, 415, "media-type")["detail"])


def test_the_unreadable_one_of_several_is_named(served: Site, model_id: str) -> None:
    images = [encoded(image) for image in random_images(4, seed=4)]
    images[2] = images[2][:60]
    body = problem(ask_several(served, model_id, *images), 400, "unreadable-image")
    assert str(body["detail"]).startswith("image 2: ")


def test_an_empty_body_is_no_image(served: Site, model_id: str) -> None:
    assert "empty" in str(problem(ask(served, model_id, b""), 400, "unreadable-image")["detail"])


# What is wrong with the engine, or the store


def engine_pid(site: Site) -> int:
    pid = site.resources.inference.engines[0].pid
    assert pid
    return pid


def test_a_killed_engine_fails_what_is_in_flight_and_nothing_else(
    served: Site, model_id: str
) -> None:
    image = encoded(random_images(1, seed=5)[0])
    before = ask(served, model_id, image)
    pid = engine_pid(served)
    os.kill(pid, signal.SIGSTOP)  # so that the requests are certainly in flight
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask, served, model_id, image) for _ in range(4)]
        wait_until(lambda: served.resources.inference.rows_waiting == 4)
        os.kill(pid, signal.SIGKILL)
        for answer in answers:
            body = problem(answer.result(), 503, "unavailable")
            assert "engine ended" in str(body["detail"])
            assert answer.result().headers["retry-after"]
    require_same(ask(served, model_id, image), before)
    assert engine_pid(served) != pid


def test_a_client_that_leaves_frees_its_place(served: Site, model_id: str) -> None:
    image = encoded(random_images(1, seed=6)[0])
    assert ask(served, model_id, image).status_code == 200
    inference = served.resources.inference
    pid = engine_pid(served)
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.create_connection(served.host(), timeout=20) as connection:
            head = f"POST /v1/models/{model_id}/predict HTTP/1.1\r\nHost: localhost\r\n"
            body = f"Content-Type: image/png\r\nContent-Length: {len(image)}\r\n\r\n"
            connection.sendall((head + body).encode() + image)
            wait_until(lambda: inference.rows_waiting == 1)
        wait_until(lambda: inference.rows_waiting == 0)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert ask(served, model_id, image).status_code == 200
    assert engine_pid(served) == pid


def cached(site: Site, artefact: Artefact) -> Path:
    return site.settings.cache_dir / f"{artefact.sha256}.safetensors"


def restart(site: Site) -> None:
    """The next request finds no model in memory."""
    os.kill(engine_pid(site), signal.SIGKILL)
    wait_until(lambda: site.resources.inference.engines[0].pid is None)


@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(b"harm"), Path.unlink])
def test_a_damaged_file_of_the_cache_is_fetched_again(
    served: Site, model: Artefact, model_id: str, harm: Callable[[Path], object]
) -> None:
    image = encoded(random_images(1, seed=7)[0])
    before = ask(served, model_id, image)
    restart(served)
    harm(cached(served, model))
    require_same(ask(served, model_id, image), before)


def test_a_damaged_blob_is_a_problem_until_it_is_whole_again(served: Site, folder: Path) -> None:
    artefact = make_artefact(folder, 101)
    model_id = add_model(served.resources, artefact)
    with served.resources.database.read() as session:
        key = repository.get(session, "default", model_id).blob.key
    blob = served.settings.data_dir / "store" / key
    image = encoded(random_images(1, seed=8)[0])
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    problem(ask(served, model_id, image), 503, "lost-blob")
    assert not cached(served, artefact).exists()
    blob.write_bytes(whole)
    assert ask(served, model_id, image).status_code == 200


def test_what_is_no_artefact_fails_alone(served: Site, model: Artefact, model_id: str) -> None:
    path = served.settings.data_dir / "noise"
    path.write_bytes(b"noise")
    noise_id = add_model(served.resources, Artefact(path, model.description))
    image = encoded(random_images(1, seed=9)[0])
    body = problem(ask(served, noise_id, image), 503, "unavailable")
    assert "cannot be served" in str(body["detail"])
    assert ask(served, model_id, image).status_code == 200


def test_a_deleted_model_is_forgotten(served: Site, folder: Path) -> None:
    artefact = make_artefact(folder, 102)
    model_id = add_model(served.resources, artefact)
    image = encoded(random_images(1, seed=10)[0])
    assert ask(served, model_id, image).status_code == 200
    assert cached(served, artefact).exists()
    assert served.client.delete(f"/v1/models/{model_id}").status_code == 204
    problem(ask(served, model_id, image), 404, "not-found")
    assert not cached(served, artefact).exists()
