"""Inference without HTTP, with an engine in this process: answers, alarms, room, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from polarizer.alarm.calibration import disagreement
from service.app import build
from service.errors import BusyError, InvalidRequestError, UnavailableError, UnreadableImageError
from service.inference.admission import Admission
from service.inference.preloading import Preloader
from service.inference.rows import Answer, Rows
from service.inference.service import Inference
from service.models import repository, service
from service.records import ModelRecord
from service.resources import Resources
from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, migrate
from tests.service.inference.artefacts import (
    SIZE,
    Artefact,
    WithAlarm,
    add_model,
    encoded,
    make_alarm,
    make_artefact,
    random_images,
)
from tests.service.inference.nearby import spawn_nearby


@dataclass
class Bench:
    """What is behind a service that holds at most two models in memory."""

    resources: Resources
    folder: Path

    def record(self, artefact: Artefact, alarm: WithAlarm | None = None) -> ModelRecord:
        return self.again(add_model(self.resources, artefact, alarm))

    def again(self, model_id: str) -> ModelRecord:
        with self.resources.database.read() as session:
            return repository.get(session, "default", model_id)

    def run(
        self, work: Callable[[Inference], Awaitable[None]], admission: Admission | None = None
    ) -> None:
        async def running() -> None:
            inference = Inference(
                self.resources.settings,
                self.resources.blobs,
                spawn=spawn_nearby,
                admission=admission,
            )
            try:
                await work(inference)
            finally:
                await inference.close()

        asyncio.run(running())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("inference-service")
    settings = Settings(
        data_dir=folder / "data",
        engine_max_models=2,
        engine_backends=("eager",),
        engine_timeout_seconds=120,
        **TEST_LIMITS,
    )
    migrate(settings)
    resources = build(settings)
    yield Bench(resources, folder)
    resources.database.dispose()


@pytest.fixture(scope="module")
def artefact(bench: Bench) -> Artefact:
    return make_artefact(bench.folder, 1)


def rows(images: Tensor) -> Rows:
    kind = "uint8" if images.dtype == torch.uint8 else "float32"
    count, *shape = images.shape
    data = memoryview(images.contiguous().numpy()).cast("B")
    return Rows(data, kind, count, tuple(shape))  # type: ignore[arg-type]


def table(logits: bytes | None, answer: Answer) -> Tensor:
    assert logits
    flat = torch.frombuffer(bytearray(logits), dtype=torch.float32)
    return flat.reshape(answer.count, answer.classes)


IMAGES = random_images(4, seed=0)


def test_tensors_of_both_types_get_the_classifiers_logits(bench: Bench, artefact: Artefact) -> None:
    record = bench.record(artefact)
    with torch.inference_mode():
        expected = artefact.classifier(IMAGES / 255)

    async def work(inference: Inference) -> None:
        for images in (IMAGES, IMAGES / 255):
            answer = await inference.infer(record, rows(images))
            torch.testing.assert_close(table(answer.logits, answer), expected)
            assert answer.base_logits is answer.flagged is None
        first, *_ = await inference.rank(record, [encoded(IMAGES[0])], top=2)
        assert first.ranking[0][0] == int(expected[0].argmax())
        assert first.flagged is None

    bench.run(work)


@pytest.mark.parametrize("threshold", [0.0, 1e6])
def test_the_alarm_says_what_both_models_say(
    bench: Bench, artefact: Artefact, threshold: float
) -> None:
    alarm = make_alarm(bench.folder, artefact, threshold=threshold)
    record = bench.record(artefact, alarm)
    with torch.inference_mode():
        ours, base = (each(IMAGES / 255) for each in (artefact.classifier, alarm.base))
    flagged = (disagreement(ours, base) > threshold).tolist()
    assert any(flagged) == (threshold == 0)

    async def work(inference: Inference) -> None:
        answer = await inference.infer(record, rows(IMAGES))
        torch.testing.assert_close(table(answer.logits, answer), ours)
        torch.testing.assert_close(table(answer.base_logits, answer), base)
        assert list(answer.flagged or ()) == flagged
        found = await inference.rank(record, [encoded(image) for image in IMAGES], top=1)
        assert [each.flagged for each in found] == flagged
        bases = [each.base[0][0] for each in found if each.base]
        assert bases == base.argmax(1).tolist()
        assert inference.metrics().models[record.id].alarms == 2 * sum(flagged)

    bench.run(work)


def test_the_alarm_can_be_switched_while_the_model_is_served(
    bench: Bench, artefact: Artefact
) -> None:
    record = bench.record(artefact, make_alarm(bench.folder, artefact, threshold=0))
    database = bench.resources.database

    async def work(inference: Inference) -> None:
        for on in (True, False, True):
            switched = service.set_alarm(database, "default", record.id, on=on)
            answer = await inference.infer(switched, rows(IMAGES))
            assert (answer.flagged is not None) == on

    bench.run(work)


def test_a_deleted_model_takes_its_alarm_with_it(bench: Bench) -> None:
    artefact = make_artefact(bench.folder, 2)
    record = bench.record(artefact, make_alarm(bench.folder, artefact, threshold=0))
    assert record.alarm_blob
    store = bench.resources.settings.data_dir / "store"
    files = [store / record.blob.key, store / record.alarm_blob.key]
    assert all(file.exists() for file in files)
    resources = bench.resources
    service.delete(resources.database, resources.blobs, "default", record.id)
    assert not any(file.exists() for file in files)


def test_what_cannot_be_answered_is_said(bench: Bench, artefact: Artefact) -> None:
    record = bench.record(artefact)

    async def work(inference: Inference) -> None:
        with pytest.raises(InvalidRequestError, match="shape"):
            await inference.infer(record, rows(IMAGES[:, :, 1:]))
        broken = IMAGES / 255
        broken[2, 0, 0, 0] = float("inf")
        with pytest.raises(UnreadableImageError, match="row 2: "):
            await inference.infer(record, rows(broken))

    bench.run(work)


def test_rows_that_are_not_as_many_as_they_say_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="bytes"):
        Rows(memoryview(bytes(10)), "float32", 1, (3, SIZE, SIZE))


def test_room_is_bounded_and_comes_back(bench: Bench, artefact: Artefact) -> None:
    record = bench.record(artefact)

    async def work(inference: Inference) -> None:
        with inference.admit(record, 90) as place:
            assert place.nbytes == 90
            with pytest.raises(BusyError) as refused, inference.admit(record, 20):
                pass
            assert refused.value.retry_after
        with inference.admit(record, 10**9):
            pass  # alone, anything gets its turn
        assert inference.metrics().models[record.id].rejected == 1
        assert inference.metrics().waiting_bytes == 0

    bench.run(work, Admission(most_rows=10, most_bytes=100))


def test_a_place_that_was_kept_is_not_counted_twice(bench: Bench, artefact: Artefact) -> None:
    record = bench.record(artefact)
    job = rows(IMAGES)

    async def work(inference: Inference) -> None:
        with inference.admit(record, job.data.nbytes) as place:
            await inference.infer(record, job, place=place)

    bench.run(work, Admission(most_rows=10, most_bytes=job.data.nbytes))


def test_metrics_count_what_happens(bench: Bench) -> None:
    records = [bench.record(make_artefact(bench.folder, seed)) for seed in range(10, 13)]

    async def work(inference: Inference) -> None:
        for record in records:
            await inference.infer(record, rows(IMAGES))
        snapshot = inference.metrics()
        first = snapshot.models[records[0].id]
        assert (first.requests, first.rows, first.evictions) == (1, 4, 1)
        assert first.batch_rows.sum == 4
        assert first.load_seconds.count == first.inference_seconds.count == 1
        assert first.queue_seconds.count == 1
        assert (first.backend, snapshot.models[records[2].id].backend) == ("", "eager")
        assert snapshot.engine_starts == 1
        assert snapshot.shared_bytes == snapshot.waiting_rows == 0

    bench.run(work)


def test_models_are_loaded_before_they_are_asked_and_again_after_the_engine_died(
    bench: Bench, artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.inference.preloading.PAUSE_SECONDS", 0)
    record = bench.record(artefact)

    async def find(name: str) -> ModelRecord:
        assert name == "mine"
        return record

    async def work(inference: Inference) -> None:
        preloader = Preloader(inference, find, ["mine"])
        preloader.start()
        engine = inference.engines[0]
        for starts in (1, 2):
            while record.blob.sha256 not in engine.loaded or engine.starts < starts:
                await asyncio.sleep(0)
            connection = await engine.connected()
            connection.kill()
        await preloader.stop()

    bench.run(work)


def test_a_killed_engine_fails_what_it_worked_on_and_leaves_no_block(
    bench: Bench, artefact: Artefact
) -> None:
    record = bench.record(artefact)

    async def work(inference: Inference) -> None:
        await inference.load(record)
        engine = inference.engines[0]
        arena, connection = engine.arena, await engine.connected()
        asked = [asyncio.create_task(inference.infer(record, rows(IMAGES))) for _ in range(20)]
        while inference.rows_waiting < 80:
            await asyncio.sleep(0)
        connection.kill()
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(outcome, Answer | UnavailableError) for outcome in outcomes)
        assert arena
        assert arena.blocks == inference.rows_waiting == 0
        assert (await inference.infer(record, rows(IMAGES))).count == 4

    bench.run(work)
