"""Who answers: names that move, versions that stay, and the alarm."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from polarizer.alarm.calibration import disagreement
from tests.service.conftest import Site
from tests.service.inference.artefacts import add_model, make_alarm, random_images
from tests.service.oip.asking import PIXELS, SHAPE, infer, logits, outputs_of, refused, sized
from tests.service.oip.conftest import Served


def test_a_name_moves_without_a_request_being_dropped(oip: Site, models: list[Served]) -> None:
    """Whoever asks meanwhile is answered by the old model or the new one; later, by the new."""
    images = random_images(1, seed=11)
    expected = [model.logits(images / 255).numpy() for model in models]
    assert not np.allclose(*expected, atol=1e-2)
    oip.client.put("/v1/names/moving", json={"model_id": models[0].id})
    moved = threading.Event()

    def which() -> tuple[bool, int, str]:
        late = moved.is_set()
        answer = infer(oip, sized(), images.numpy().tobytes(), name="moving")
        found = logits(answer)
        (index,) = [i for i in range(2) if np.allclose(found, expected[i], atol=1e-3)]
        return late, index, answer.json()["model_version"]

    def ask(count: int) -> list[tuple[bool, int, str]]:
        return [which() for _ in range(count)]

    assert which()[1:] == (0, "1")
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, 15) for _ in range(4)]
        oip.client.put("/v1/names/moving", json={"model_id": models[1].id})
        moved.set()
    answers = [answer for each in asked for answer in each.result()]
    assert {index for late, index, _ in answers if late} <= {1}
    assert {(index, version) for _, index, version in answers} <= {(0, "1"), (1, "2")}
    assert which()[1:] == (1, "2")
    oip.client.post("/v1/names/moving/rollback")
    assert which()[1:] == (0, "1")


def test_each_version_can_be_asked(oip: Site, models: list[Served]) -> None:
    for model in models:
        oip.client.put("/v1/names/both", json={"model_id": model.id})
    images = random_images(2, seed=12)
    header = sized(shape=[2, *SHAPE[1:]], parameters={"binary_data_size": 2 * len(PIXELS)})
    for version, model in enumerate(models, start=1):
        found = infer(oip, header, images.numpy().tobytes(), name=f"both/versions/{version}")
        expected = model.logits(images / 255)
        torch.testing.assert_close(torch.from_numpy(logits(found)), expected, atol=1e-4, rtol=0)
        assert found.json()["model_version"] == str(version)
    metadata = oip.client.get("/v2/models/both").json()
    assert (metadata["versions"], metadata["parameters"]["version"]) == (["1", "2"], "2")


def test_the_alarm_answers_for_both_models_while_it_is_on(
    oip: Site, oip_folder: Path, models: list[Served]
) -> None:
    artefact = models[1].artefact
    images = random_images(8, seed=13)
    with torch.inference_mode():
        ours = artefact.classifier(images / 255)
        base = make_alarm(oip_folder, artefact, threshold=0).base(images / 255)
    threshold = float(disagreement(ours, base).median())
    alarm = make_alarm(oip_folder, artefact, threshold=threshold)
    model_id = add_model(oip.resources, artefact, alarm)
    header = sized(shape=[8, *SHAPE[1:]], parameters={"binary_data_size": 8 * len(PIXELS)})
    flagged = header | {"outputs": [{"name": "flagged"}]}
    content = images.numpy().tobytes()

    told = outputs_of(infer(oip, header, content, name=model_id))
    assert list(told) == ["logits", "probabilities", "base_logits", "flagged"]
    found = torch.tensor(told["base_logits"]["data"]).reshape(8, 7)
    torch.testing.assert_close(found, base, atol=1e-4, rtol=1e-4)
    assert told["flagged"]["datatype"] == "BOOL"
    assert told["flagged"]["data"] == (disagreement(ours, base) > threshold).tolist()
    assert 0 < sum(told["flagged"]["data"]) < 8

    def metadata() -> list[str]:
        answer = oip.client.get(f"/v2/models/{model_id}").json()
        return [output["name"] for output in answer["outputs"]]

    assert metadata() == list(told)
    switched = oip.client.put(f"/v1/models/{model_id}/alarm", json={"on": False})
    assert switched.status_code == 200
    assert metadata() == ["logits", "probabilities"]
    told = outputs_of(infer(oip, header, content, name=model_id))
    assert list(told) == ["logits", "probabilities"]
    refused(infer(oip, flagged, content, name=model_id), 400)
    oip.client.put(f"/v1/models/{model_id}/alarm", json={"on": True})
    assert list(outputs_of(infer(oip, flagged, content, name=model_id))) == ["flagged"]
