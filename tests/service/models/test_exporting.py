"""A model in other formats, over HTTP."""

from __future__ import annotations

import asyncio
import io
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from onnx import ModelProto

from service.errors import BusyError
from service.models import exporting
from tests.polarizer.onnx.graphs import by_runtime
from tests.service.conftest import Site
from tests.service.inference.artefacts import SIZE, Artefact, add_model, make_artefact
from tests.service.test_app import problem


@pytest.fixture
def artefact(tmp_path: Path) -> Artefact:
    return make_artefact(tmp_path, 1)


def left(site: Site) -> list[str]:
    return [path.name for path in (site.resources.settings.data_dir / "exports").glob("*")]


def test_a_model_is_exported_for_triton(small_site: Site, artefact: Artefact) -> None:
    model_id = add_model(small_site.resources, artefact)
    answer = small_site.client.get(
        f"/v1/models/{model_id}/export", params={"format": "triton"}, timeout=240
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="{model_id}.zip"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        made = ModelProto.FromString(archive.read(f"{model_id}/1/model.onnx"))
        configuration = archive.read(f"{model_id}/config.pbtxt").decode()
    assert f'name: "{model_id}"' in configuration
    pixels = torch.rand(3, 3, SIZE, SIZE)
    with torch.inference_mode():
        expected = artefact.classifier(pixels)
    torch.testing.assert_close(by_runtime(made, pixels), expected, rtol=1e-4, atol=1e-4)
    assert left(small_site) == []


def test_as_safetensors_it_is_the_file(small_site: Site, artefact: Artefact) -> None:
    model_id = add_model(small_site.resources, artefact)
    params = {"format": "safetensors"}
    answer = small_site.client.get(
        f"/v1/models/{model_id}/export", params=params, follow_redirects=True
    )
    assert answer.content == artefact.path.read_bytes()


@pytest.mark.parametrize(
    ("program", "status", "slug", "words"),
    [
        ("raise SystemExit(3)", 503, "unavailable", "without a file"),
        ("pass", 503, "unavailable", "without a file"),
        ("open('refused', 'w').write('has no form')", 409, "conflict", "has no form"),
    ],
    ids=["dies", "makes nothing", "refuses"],
)
def test_what_becomes_of_it_is_said(
    small_site: Site,
    artefact: Artefact,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    status: int,
    slug: str,
    words: str,
) -> None:
    monkeypatch.setattr(exporting, "PROGRAM", (sys.executable, "-c", program))
    model_id = add_model(small_site.resources, artefact)
    answer = small_site.client.get(f"/v1/models/{model_id}/export", params={"format": "onnx"})
    problem(answer, status, slug)
    assert words in answer.json()["detail"]
    assert left(small_site) == []


def test_what_came_is_sent_whole(
    small_site: Site, artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = "open('result', 'wb').write(open('artefact', 'rb').read() * 50)"
    monkeypatch.setattr(exporting, "PROGRAM", (sys.executable, "-c", copies))
    model_id = add_model(small_site.resources, artefact)
    answer = small_site.client.get(f"/v1/models/{model_id}/export", params={"format": "onnx"})
    assert answer.content == artefact.path.read_bytes() * 50
    assert answer.headers["repr-digest"].startswith("sha-256=:")


@pytest.mark.parametrize(("model", "status"), [("mdl_nobody", 404), ("", 422)])
def test_what_is_not_there_or_not_known(
    small_site: Site, artefact: Artefact, model: str, status: int
) -> None:
    model_id = model or add_model(small_site.resources, artefact)
    wanted = "onnx" if model else "keras"
    answer = small_site.client.get(f"/v1/models/{model_id}/export", params={"format": wanted})
    assert answer.status_code == status


def test_too_many_are_told_to_come_again() -> None:
    async def scene() -> None:
        turns, leave = exporting.Turns(), asyncio.Event()

        async def one() -> None:
            async with turns.turn():
                await leave.wait()

        allowed = exporting.AT_ONCE + exporting.MOST_WAITING
        there = [asyncio.create_task(one()) for _ in range(allowed)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            async with turns.turn():
                pass
        leave.set()
        await asyncio.gather(*there)
        async with turns.turn():
            pass

    asyncio.run(scene())
