"""Both clients against a real service: every room, from an upload to a prediction."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from client import (
    AsyncPolarizer,
    ConflictError,
    DefenseEndedError,
    DigestError,
    InputError,
    NotFoundError,
    Polarizer,
    RejectedError,
    UnreachableError,
    require_success,
)
from client.downloads import digest_of
from client.packing import pack_model
from client.records import Defense, Status
from client.retries import NEVER
from tests.client.conftest import Files
from tests.worker import samples

DESCRIPTION = samples.DESCRIPTION.model_dump(mode="json")


def test_a_defense_has_a_report_and_a_model(
    service: Polarizer, defended: Defense, tmp_path: Path
) -> None:
    report = service.defenses.report(defended.id)
    assert report.defense_id == defended.id
    assert report.numbers == defended.numbers
    assert b'"schema_version"' in service.defenses.report_file(defended.id).content
    assert defended.model_id
    model = service.models.get(defended.model_id)
    assert service.models.report(model.id) == report
    card = service.models.report_file(model.id, media_type="text/markdown")
    assert (card.media_type, card.content[:3]) == ("text/markdown", b"---")
    path = service.models.download(model.id, tmp_path / "new" / "purified.safetensors")
    assert digest_of(path) == model.sha256
    assert list(path.parent.iterdir()) == [path]


def test_predictions_by_id_and_by_name(service: Polarizer, defended: Defense, files: Files) -> None:
    assert defended.model_id
    one = service.predict(defended.model_id, files.image, top=2)
    assert [best.label for best in one.predictions[0].top][0] == "columns"
    assert len(one.predictions[0].top) == 2
    name = service.names.point("rows", one.model_id)
    again = service.predict(name.name, [files.image, files.image.read_bytes()])
    assert [prediction.index for prediction in again.predictions] == [0, 1]
    assert name.name in [item.name for item in service.names.all()]
    assert service.names.roll_back(name.name, version=1).version == 1
    with pytest.raises(ConflictError):
        service.models.delete(one.model_id)
    service.names.delete(name.name)


def test_tensors(service: Polarizer, defended: Defense) -> None:
    assert defended.model_id
    metadata = service.tensors.metadata(defended.model_id)
    assert metadata.inputs[0].shape[1:] == [1, 8, 8]
    service.tensors.load(defended.model_id)
    answer = service.tensors.infer(
        defended.model_id, [0.5] * 64, shape=(1, 1, 8, 8), outputs=["probabilities"]
    )
    assert sum(answer.outputs[0].data) == pytest.approx(1, abs=1e-5)


def test_the_alarm_is_switched(service: Polarizer, defended: Defense) -> None:
    assert defended.model_id
    for on in (False, True):
        model = service.models.switch_alarm(defended.model_id, on=on)
        assert model.alarm
        assert model.alarm.on is on


def test_events_are_followed_and_resumed(service: Polarizer, defended: Defense) -> None:
    events = list(service.defenses.follow(defended.id))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert events[-1].is_last
    assert list(service.defenses.follow(defended.id, after=3)) == events[3:]
    assert list(service.defenses.follow(defended.id, after=len(events))) == []
    assert service.defenses.events(defended.id, limit=2).data == events[:2]


def test_lists_are_walked_to_their_end(service: Polarizer, defended: Defense) -> None:
    assert defended.id in [defense.id for defense in service.defenses.all(status="succeeded")]
    assert len(service.uploads.all(most=2)) == 2
    assert defended.model_id in [model.id for model in service.models.all()]


def test_what_was_uploaded_is_not_sent_again(
    service: Polarizer, defended: Defense, files: Files
) -> None:
    first = service.uploads.create(files.clean)
    assert service.uploads.create(files.clean).id == first.id
    other = service.uploads.create(files.clean, reuse=False)
    assert (other.id == first.id, other.sha256) == (False, first.sha256)
    service.uploads.delete(other.id)
    with pytest.raises(NotFoundError):
        service.uploads.get(other.id)


def test_other_bytes_than_expected_are_not_sent(service: Polarizer, files: Files) -> None:
    with pytest.raises(DigestError, match="not " + "0" * 64):
        service.uploads.create(files.clean, sha256="0" * 64)


def test_a_defense_is_made_once(service: Polarizer, files: Files) -> None:
    upload = service.uploads.create(files.clean).id
    asked = {"model": upload, "clean": upload, "description": DESCRIPTION}
    first = service.defenses.create(**asked, idempotency_key="once")
    assert service.defenses.create(**asked, idempotency_key="once").id == first.id
    with pytest.raises(RejectedError) as caught:
        service.defenses.create(**asked, name="other", idempotency_key="once")
    assert caught.value.slug == "idempotency-mismatch"
    assert service.defenses.cancel(first.id).status in (Status.CANCELLED, Status.CANCELLING)
    ended = service.defenses.wait(first.id)
    if ended.status is Status.CANCELLED:
        with pytest.raises(DefenseEndedError, match="cancelled"):
            require_success(ended)
    service.defenses.delete(first.id)


def test_waiting_ends_in_time(service: Polarizer, defended: Defense) -> None:
    assert service.defenses.wait(defended.id, timeout=0) == service.defenses.get(defended.id)


def test_a_bad_model_fails_its_defense(service: Polarizer, files: Files, tmp_path: Path) -> None:
    bad = tmp_path / "model.bin"
    bad.write_bytes(b"no model at all")
    defense = service.defenses.defend(model=bad, clean=files.clean, description=DESCRIPTION)
    ended = service.defenses.wait(defense.id)
    with pytest.raises(DefenseEndedError) as caught:
        require_success(ended)
    assert caught.value.code == "model-format"


def test_problems_become_errors(service: Polarizer, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="def_nobody") as caught:
        service.defenses.get("def_nobody")
    assert (caught.value.status, caught.value.slug) == (404, "not-found")
    assert caught.value.problem.request_id
    with pytest.raises(RejectedError) as refused:
        service.defenses.create(model="s3://nowhere/x", clean="s3://nowhere/y")
    assert refused.value.slug == "source-refused"
    with pytest.raises(InputError, match="does not exist"):
        service.defenses.defend(model=tmp_path / "none", clean=tmp_path)


def test_a_hugging_face_folder_goes_as_one_archive(
    service: Polarizer, files: Files, tmp_path: Path
) -> None:
    folder = tmp_path / "vit"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "README.md"):
        (folder / name).write_text("{}")
    asked = service.defenses.defend(model=folder, clean=files.clean, evidence=False)
    sent = asked.model_dump()["inputs"]["model"]
    pack_model(folder, tmp_path / "packed")
    assert (sent["filename"], sent["sha256"]) == ("vit.zip", digest_of(tmp_path / "packed"))
    service.defenses.cancel(asked.id)


def test_nobody_there() -> None:
    with (
        Polarizer("http://127.0.0.1:9", retries=NEVER) as service,
        pytest.raises(UnreachableError, match="polarizer serve"),
    ):
        service.ready()


def test_readiness(service: Polarizer) -> None:
    assert service.ready().parts["database"] == "ok"
    assert "/v1/defenses" in service.openapi()["paths"]


def test_the_same_in_an_event_loop(
    url: str, defended: Defense, files: Files, tmp_path: Path
) -> None:
    async def use() -> None:
        async with AsyncPolarizer(url) as service:
            again = await service.defenses.defend(
                model=files.model,
                clean=files.clean_folder,
                description=DESCRIPTION,
                config=samples.FAST,
                evidence=False,
            )
            seen = [event async for event in service.defenses.follow(again.id)]
            assert seen[-1].data["status"] == "succeeded", seen[-1].data
            done = await service.defenses.wait(again.id)
            assert done.model_id
            model = await service.models.get(done.model_id)
            path = await service.models.download(done.model_id, tmp_path / "m.safetensors")
            assert digest_of(path) == model.sha256
            answer = await service.predict(done.model_id, files.image)
            assert len(answer.predictions) == 1
            report = await service.defenses.report(done.id)
            assert report.evidence is None
            with pytest.raises(NotFoundError):
                await service.models.get("mdl_nobody")

    anyio.run(use)
