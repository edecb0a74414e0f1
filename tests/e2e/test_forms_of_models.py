"""Each form that a model comes in, from HTTP through a real child to a repaired model that others'
loaders take."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import torch
from PIL import Image
from torch import Tensor

from client.packing import pack_model
from polarizer.artefact import load_artefact
from service.settings import Settings
from tests.servers import S3Bucket
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.defenses.conftest import post_form
from tests.worker import samples
from worker.runner import Runner
from worker.workplace import open_workplace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE = 280.0  # seconds; a busy machine takes long to load torch
CLASSES = samples.DESCRIPTION.classes
TINY: dict[str, dict[str, Any]] = {
    "resnet": {"embedding_size": 4, "hidden_sizes": [8, 8], "depths": [1, 1]}
    | {"layer_type": "basic"},
    "vit": {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    | {"intermediate_size": 16, "image_size": 8, "patch_size": 4},
}
PREPROCESSOR = {"size": {"height": 8, "width": 8}, "image_mean": [0.5], "image_std": [0.25]}
REQUEST = {"config": samples.FAST, "evidence": None}


def settings_of(folder: Path, **changes: Any) -> Settings:
    limits = TEST_LIMITS | {"device": "cpu", "engine_backends": ("fused",)} | changes
    settings = Settings(data_dir=folder, engine_timeout_seconds=PATIENCE, **limits)
    migrate(settings)
    return settings


@contextmanager
def served(settings: Settings) -> Iterator[Site]:
    with running(settings) as site:
        site.client.timeout = PATIENCE
        yield site


def defended(site: Site, **parts: Any) -> dict[str, Any]:
    """The defense, once a worker with a real child has done it."""
    answer = post_form(site, **parts)
    assert answer.status_code == 202, answer.text
    behind = site.resources
    with open_workplace(site.settings.jobs_dir) as place:
        Runner(
            site.settings,
            behind.database,
            behind.blobs,
            behind.queue,
            place,
            shutdown=threading.Event(),
        ).run(answer.json()["id"])
    defense: dict[str, Any] = site.client.get(answer.headers["Location"]).json()
    assert defense["status"] == "succeeded", defense["error"]
    return defense


def hugging_face(folder: Path, kind: str) -> Path:
    """A folder as ``save_pretrained`` writes it, with random weights."""
    from transformers import AutoConfig, AutoModelForImageClassification

    names = dict(enumerate(CLASSES))
    config = AutoConfig.for_model(kind, num_channels=1, id2label=names, **TINY[kind])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForImageClassification.from_config(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    return folder


def check_put_back(folder: Path, repaired: Path, content: bytes) -> None:
    """With the repaired weights in it the folder is a model of the library, and the same one."""
    from transformers import AutoModelForImageClassification

    repaired.write_bytes(content)
    ours = load_artefact(repaired)
    assert ours.description.classes == CLASSES
    (folder / "model.safetensors").write_bytes(content)
    theirs = AutoModelForImageClassification.from_pretrained(folder).eval()
    pixels = samples.images(4)[0][:, None] / 255
    with torch.inference_mode():
        assert torch.allclose(
            ours.classifier(pixels), theirs((pixels - 0.5) / 0.25).logits, atol=1e-5
        )


def test_a_hugging_face_folder_as_zip(tmp_path: Path) -> None:
    folder, packed = hugging_face(tmp_path / "model", "resnet"), tmp_path / "model.zip"
    pack_model(folder, packed)
    with served(settings_of(tmp_path / "data")) as site:
        clean = samples.inputs()["clean"]
        defense = defended(site, model=packed.read_bytes(), clean=clean, request=REQUEST)
        place = f"/v1/models/{defense['model_id']}"
        answer = site.client.post(
            f"{place}/predict", content=png(), headers={"Content-Type": "image/png"}
        )
        assert answer.status_code == 200, answer.text
        (prediction,) = answer.json()["predictions"]
        assert {one["label"] for one in prediction["top"]} <= set(CLASSES)
        file = site.client.get(f"{place}/file", params={"redirect": "false"})
    check_put_back(folder, tmp_path / "repaired", file.content)


@pytest.mark.server
def test_a_hugging_face_folder_below_a_prefix(tmp_path: Path, s3_bucket: S3Bucket) -> None:
    folder = hugging_face(tmp_path / "model", "vit")
    put(s3_bucket, "models/vit", folder)
    base = f"s3://{s3_bucket.bucket}"
    settings = settings_of(
        tmp_path / "data",
        sources=(f"{base}/models",),
        s3_endpoint_url=s3_bucket.endpoint_url,
        s3_access_key_id=s3_bucket.access_key,
        s3_secret_access_key=s3_bucket.secret_key,
        s3_region=s3_bucket.region,
    )
    with served(settings) as site:
        elsewhere = {"model": {"uri": f"{base}/other/"}}
        assert post_form(site, clean=b"x", request=REQUEST | elsewhere).status_code == 422
        model = {"model": {"uri": f"{base}/models/vit/"}}
        clean = samples.inputs()["clean"]
        defense = defended(site, clean=clean, request=REQUEST | model)
        file = site.client.get(
            f"/v1/models/{defense['model_id']}/file", params={"redirect": "false"}
        )
    check_put_back(folder, tmp_path / "repaired", file.content)


def test_backdoorbench_attack_result(tmp_path: Path) -> None:
    saved = io.BytesIO()
    torch.save(attack_result(), saved)
    with served(settings_of(tmp_path / "data")) as site:
        defense = defended(
            site,
            **samples.inputs(measured=True) | {"model": saved.getvalue()},
            description=samples.DESCRIPTION.model_dump(mode="json"),
            request=REQUEST | {"target_class": samples.TARGET},
        )
        numbers = defense["numbers"]
        file = site.client.get(
            f"/v1/models/{defense['model_id']}/file", params={"redirect": "false"}
        )
    assert numbers["accuracy_before"] == 1.0  # so it is their network that was read
    (tmp_path / "repaired").write_bytes(file.content)
    assert (
        load_artefact(tmp_path / "repaired").checkpoint.tensors.keys()
        == samples.backdoored().keys()
    )


def attack_result() -> dict[str, Any]:
    """What BackdoorBench leaves of an attack: the network's weights among the attack's data."""
    pixels, labels = samples.triggered(6)
    return {
        "model_name": "small_cnn",
        "num_classes": len(CLASSES),
        "model": samples.backdoored(),
        "data_path": "../data/cifar10",
        "img_size": (8, 8, 1),
        "clean_data": "cifar10",
        "bd_train": {"bd_data_container": {"data_dict": table(pixels, labels)}},
        "bd_test": {"bd_data_container": {"data_dict": table(pixels, labels)}},
    }


def table(pixels: Tensor, labels: Tensor) -> dict[int, dict[str, Any]]:
    return {
        index: {"path": f"{index}.png", "other_info": (int(label), 1, 0), "pixels": image}
        for index, (image, label) in enumerate(zip(pixels, labels, strict=True))
    }


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(samples.images(1)[0][0].numpy()).save(file, "PNG")
    return file.getvalue()


def put(bucket: S3Bucket, prefix: str, folder: Path) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        region_name=bucket.region,
    )
    for path in folder.iterdir():
        client.put_object(Bucket=bucket.bucket, Key=f"{prefix}/{path.name}", Body=path.read_bytes())
    client.close()
