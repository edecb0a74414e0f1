"""Valid files, small ones: what the mutators begin with."""

from __future__ import annotations

import functools
import io
import json
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from polarizer.alarm.facts import Calibration
from polarizer.alarm.file import save_alarm
from polarizer.checkpoints import LoadedModel, load_classifier
from tests.fuzz.mutators.anywhere import anywhere
from tests.fuzz.mutators.texts import json_text
from tests.polarizer.archives import (
    CLASSES,
    class_folders,
    encoded,
    pixels,
    spec,
    write_npz,
    write_tar,
    write_zip,
)
from tests.polarizer.datasets import parquet_file
from tests.polarizer.models import description, network, state
from tests.polarizer.onnx import exports
from tests.polarizer.onnx.graphs import small_cnn
from worker import events as words

FORM_TYPE = "multipart/form-data; boundary=xxBOUNDARYxx"


def _written(write: Any, *arguments: Any, **options: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path, *arguments, **options)
        return path.read_bytes()


def safetensors() -> list[bytes]:
    prefixed = {f"module.{name}": tensor for name, tensor in state().items()}
    kinds = {"a": torch.ones(2, dtype=torch.bool), "b": torch.ones(3, dtype=torch.float16)}
    return [save(state()), save(prefixed, {"format": "pt"}), save(kinds)]


def torch_archives() -> list[bytes]:
    around = {"state_dict": state(), "epoch": 3, "args": [1.5, None, {"lr": 0.1}]}
    return [_saved(state()), _saved(around), _saved({"model": state()}, pickle_protocol=4)]


def _saved(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def onnx_files() -> list[bytes]:
    return [small_cnn().SerializeToString(), exports.content("vit-torchscript")]


def artefacts() -> list[bytes]:
    fields = description().model_dump(mode="json")
    fields |= {"method": "stage", "polarized_layers": [], "attached_layers": [], "provenance": {}}
    metadata = {f"polarizer.{name}": json.dumps(value) for name, value in fields.items()}
    return [save(state(), metadata | {"polarizer.format": "1"})]


@functools.cache
def loaded_model() -> LoadedModel:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(artefacts()[0])
        return load_classifier(path)


def alarms() -> list[bytes]:
    other = network(seed=1).state_dict()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(save(other))
        base = load_classifier(path, description()).classifier
    calibration = Calibration(threshold=1.5, images=100, flagged=2, rate=0.05)
    return [_written(save_alarm, base, loaded_model().classifier, calibration)]


def zips() -> list[bytes]:
    return [_written(write_zip, class_folders(1)), _written(write_zip, class_folders(1, "top/"), 8)]


def tars() -> list[bytes]:
    return [_written(write_tar, class_folders(1)), _written(write_tar, class_folders(1), form=0)]


def packed_tars() -> list[bytes]:
    return [_written(write_tar, class_folders(1), kind) for kind in ("gz", "bz2", "xz")]


def webdatasets() -> list[bytes]:
    picture = encoded(pixels())
    by_index = {"0.png": picture, "0.cls": b"0", "1.png": picture, "1.cls": b"2"}
    by_name = {"a/0.json": b'{"label": "cat"}', "a/0.png": picture, "a/0.txt": b"x"}
    return [_written(write_tar, by_index), _written(write_tar, by_name, form=0)]


def tables() -> list[bytes]:
    images: list[bytes | None] = [encoded(pixels(seed)) for seed in range(3)]
    kinds = ((0, False, None), (1, False, CLASSES), (2, True, None), (6, False, None))
    found = [
        parquet_file.images_table(images, [0, 1, 2], codec=codec, second=second, names=names)
        for codec, second, names in kinds
    ]
    places = bytes([2]) + parquet_file.packed([2, 0, 1], 2)
    page = parquet_file.data_page(images, content=places, encoding=parquet_file.BY_DICTIONARY)
    pages = [parquet_file.dictionary_page([image for image in images if image]), page]
    image = parquet_file.Column(("image",), parquet_file.BYTES, pages, 3)
    labels = [parquet_file.data_page([1, 1, 0])]
    label = parquet_file.Column(("label",), parquet_file.LONG, labels, 3)
    return [*found, parquet_file.written([[image, label]], schema=parquet_file.FLAT)]


def table_shards() -> list[bytes]:
    name = "data/train-0000{}.parquet"
    return [_written(write_zip, {name.format(n): table for n, table in enumerate(tables()[::2])})]


def arrays() -> list[bytes]:
    grey = np.zeros((2, 8, 8), np.uint8)
    colour = np.zeros((2, 8, 8, 3), np.uint8)
    return [
        _written(write_npz, images=grey, labels=np.array([0, 1])),
        _written(write_npz, compressed=True, images=colour, labels=np.array([0, 2])),
    ]


def images() -> list[bytes]:
    colour, grey = pixels(height=12, width=12), pixels(channels=1)
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        encoded(colour),
        encoded(grey),
        encoded(Image.fromarray(colour).convert("P"), transparency=0),
        encoded(Image.fromarray(grey[..., 0].astype(np.uint16) * 200)),
        *(encoded(colour, kind) for kind in ("WEBP", "BMP", "GIF", "TIFF", "PPM")),
        encoded(colour, "TIFF", compression="tiff_lzw"),
        encoded(colour, "JPEG", exif=exif, icc_profile=bytes(200)),
        encoded(colour, "JPEG", progressive=True),
    ]


def descriptions() -> list[bytes]:
    nets = ({"name": "preact_resnet18", "width": 2, "num_classes": 3}, None)
    return [description(net).model_dump_json().encode() for net in nets]


def configurations() -> list[bytes]:
    configs: tuple[dict[str, Any], ...] = (
        {"model_type": "resnet", "embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1]}
        | {"layer_type": "basic"},
        {"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        | {"intermediate_size": 8, "image_size": 8, "patch_size": 4},
        {"model_type": "convnext", "hidden_sizes": [4, 8, 8, 8], "depths": [1, 1, 1, 1]},
    )
    nets = [{"name": "huggingface", "config": config, "num_classes": 3} for config in configs]
    return [description(net).model_dump_json().encode() for net in nets]


def requests() -> list[bytes]:
    upload = {"upload": "upl_01kpgs5m3w8x7v6t5r4q3p2n1m"}
    plain: dict[str, Any] = {"model": upload, "clean": {"uri": "s3://bucket/in/clean.npz"}}
    full = plain | {
        "name": "x",
        "triggered": upload,
        "target_class": 1,
        "description": description().model_dump(mode="json"),
        "config": {"seed": 1, "steps": 10, "layers": ["conv1"]},
        "attack_tests": ["reactivation"],
        "evidence": None,
    }
    return [json.dumps(plain).encode(), json.dumps(full).encode()]


def infer_bodies() -> list[bytes]:
    shape = [1, spec().channels, spec().height, spec().width]
    count = int(np.prod(shape))
    tensor: dict[str, Any] = {"name": "input", "shape": shape, "datatype": "UINT8"}
    in_json = {"id": "1", "inputs": [tensor | {"data": [7] * count}]}
    binary = {"inputs": [tensor | {"parameters": {"binary_data_size": count}}]}
    floats = tensor | {"datatype": "FP32", "parameters": {"binary_data_size": 4 * count}}
    return [
        json.dumps(in_json).encode(),
        json.dumps(binary).encode() + bytes(count),
        json.dumps({"inputs": [floats]}).encode() + np.full(count, 0.5, "<f4").tobytes(),
    ]


def mutate_infer(rng: Random, data: bytes) -> bytes:
    """The JSON at the beginning, or the bytes behind it."""
    end = data.rfind(b"}") + 1
    if rng.random() < 0.8:
        return json_text(rng, data[:end]) + data[end:]
    return data[:end] + anywhere(rng, data[end:])


def forms() -> list[bytes]:
    return [
        _form(
            ('form-data; name="request"', "application/json", requests()[1]),
            ('form-data; name="model"; filename="m.safetensors"', "application/x", b"x" * 300),
            ("form-data; name=\"clean\"; filename*=UTF-8''c%20d.zip", "application/zip", b"\r\n--"),
        )
    ]


def image_forms() -> list[bytes]:
    part = 'form-data; name="image"; filename="x.png"'
    return [_form((part, "image/png", encoded(pixels())), (part, "image/png", b"x"))]


def _form(*parts: tuple[str, str, bytes]) -> bytes:
    lines = b""
    for disposition, kind, content in parts:
        head = f"--xxBOUNDARYxx\r\nContent-Disposition: {disposition}\r\nContent-Type: {kind}\r\n"
        lines += head.encode() + b"\r\n" + content + b"\r\n"
    return lines + b"--xxBOUNDARYxx--\r\n"


def events() -> list[bytes]:
    said = (
        words.StageEvent(stage="purifying"),
        words.WarningEvent(code="few-images", message="only a few"),
        words.FailedEvent(code="dataset-format", message="it is no zip"),
    )
    return [words.serialised(event) for event in said]
