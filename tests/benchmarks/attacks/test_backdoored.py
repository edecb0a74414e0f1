import pytest
import torch

from benchmarks.attacks.backdoored import Record, read, with_trigger, write
from benchmarks.attacks.triggers import build_trigger
from polarizer.images import LabelledImages
from tests.polarizer.models import description, network

SMALL = {"name": "small_cnn", "width": 2, "channels": 1, "num_classes": 10}


def _record(**changes):
    fields = {
        "name": "digits-small_cnn-badnets",
        "attack": "badnets",
        "target": 0,
        "poison_rate": 0.1,
        "trigger": "patch",
        "source": "digits",
        "implanted": False,
        "seed": 5,
        "accuracy": 0.5,
        "attack_success": 0.25,
    }
    return Record(**fields | changes)


def _write(folder, **changes):
    record = _record(**changes)
    trigger = build_trigger(record.trigger, (1, 8, 8), record.seed)
    return write(folder, network(SMALL), description(SMALL), trigger, record)


def test_a_model_reads_back_as_it_was_written(tmp_path):
    record = _write(tmp_path)
    backdoored = read(tmp_path, tmp_path)
    pixels = backdoored.test.pixels()
    normalised = (pixels - 0.5) / 0.25
    with torch.no_grad():
        assert torch.equal(backdoored.classifier(pixels), network(SMALL)(normalised))
    assert (backdoored.name, backdoored.attack) == (record.name, "badnets")
    assert (backdoored.accuracy, backdoored.attack_success) == (0.5, 0.25)


def test_triggered_images_are_of_attacked_classes_with_true_labels(tmp_path):
    _write(tmp_path)
    backdoored = read(tmp_path, tmp_path)
    attacked = backdoored.test.select(backdoored.test.labels != 0)
    assert torch.equal(backdoored.triggered.labels, attacked.labels)
    assert torch.equal(backdoored.targets, torch.zeros_like(attacked.labels))
    expected = backdoored.trigger(attacked.pixels()).mul(255).round().to(torch.uint8)
    assert torch.equal(backdoored.triggered.images, expected)
    assert not torch.equal(backdoored.triggered.images, attacked.images)


def test_all_to_all_attacks_every_class():
    images = LabelledImages(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10))
    triggered, targets = with_trigger(build_trigger("patch", (1, 8, 8), 0), images, "next", 10)
    assert torch.equal(triggered.labels, images.labels)
    assert targets.tolist() == [*range(1, 10), 0]


def test_defender_and_judge_share_no_image(tmp_path):
    _write(tmp_path)
    backdoored = read(tmp_path, tmp_path)
    clean = {bytes(image.numpy()) for image in backdoored.clean.images}
    assert not any(bytes(image.numpy()) in clean for image in backdoored.test.images)


def test_another_file_than_the_recorded_one_is_refused(tmp_path):
    _write(tmp_path / "one")
    other = network(SMALL, seed=1)
    write(
        tmp_path / "two", other, description(SMALL), build_trigger("patch", (1, 8, 8), 0), _record()
    )
    (tmp_path / "two" / "model.safetensors").replace(tmp_path / "one" / "model.safetensors")
    with pytest.raises(ValueError, match=r"model\.safetensors is not the file"):
        read(tmp_path / "one", tmp_path)


def test_a_folder_without_a_record_is_refused(tmp_path):
    _write(tmp_path)
    (tmp_path / "attack.json").unlink()
    with pytest.raises(ValueError, match=r"no attack\.json"):
        read(tmp_path, tmp_path)
