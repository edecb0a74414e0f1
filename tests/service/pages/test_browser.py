"""The pages in a real browser, from a dropped model to its answer; its console stays empty."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from service.defenses.lifecycle import Lease
from tests.polarizer.onnx.graphs import small_cnn
from tests.service.conftest import Site
from tests.service.defenses.conftest import Worker
from tests.service.pages.chromium import Browser
from tests.service.pages.files import write_files

LOSSES = {"clean": 0.5, "consistency": 0.25}


def ask_for_a_defense(page: Browser, folder: Path) -> str:
    model, clean = write_files(folder)
    page.choose("Suspect model", model)
    page.choose("Clean images", clean)
    page.wait_for_text("Looks like small_cnn, width 8, 10 classes")
    page.wait_for_text("40 images of 12×12, 1 channel, 8 bits")
    page.wait_for_text("small_cnn, width 8; 1×12×12; 10 classes")
    page.type("Name", "<i>vendor</i>")
    page.wait_for_text("Ready to start.")
    page.click("Start the repair")
    found = page.wait("/^#.defenses.(def_\\w+)$/.exec(location.hash)?.[1]")
    return str(found)


def test_from_files_to_a_report(
    page: Browser, small_site: Site, small_worker: Worker, tmp_path: Path
) -> None:
    defense_id = ask_for_a_defense(page, tmp_path)
    sent = small_site.client.get(f"/v1/defenses/{defense_id}").json()
    assert sent["name"] == "<i>vendor</i>"
    assert sent["inputs"]["model"]["filename"] == "suspect _b_.safetensors"  # a safe one
    assert sent["description"]["input"]["height"] == 12
    assert sent["description"]["architecture"]["width"] == 8
    page.wait_for_text("queued")
    lease = small_worker.claim(defense_id)
    follow(page, small_worker, lease)
    small_worker.succeed(lease, json.dumps(report(defense_id)).encode(), accuracy_after=0.875)
    page.click("Report")
    page.wait_for_text("The door is <b>closed</b>.")
    page.wait_for_text("99.0\u00a0% of them to its class before the repair, and 2.0\u00a0% now")
    page.wait_for_text("the backdoor no longer opens")
    page.wait_for_text("87.5\u00a0%")
    page.go("/defenses?q=vendor")
    page.wait_for_text("<i>vendor</i>")


def follow(page: Browser, worker: Worker, lease: Lease) -> None:
    """Each thing is seen as soon as the worker says it."""
    worker.report(lease, "stage", {"stage": "purifying"}, stage="purifying")
    page.wait("document.querySelector('.stages .now')?.textContent === 'purifying'")
    searching = {"part": "search", "fraction": 0.1, "step": 3, "steps": 59, "losses": {}}
    worker.report(lease, "progress", searching | {"remaining_seconds": 9.0})
    page.wait_for_text("Search step 3 of 59, about 9 s left")
    for step in (1, 2):
        data = {"fraction": step / 4, "step": step, "steps": 4, "losses": LOSSES}
        worker.report(lease, "progress", data | {"remaining_seconds": 7.0})
    page.wait_for_text("Step 2 of 4, about 7 s left")
    page.wait("document.querySelectorAll('.curve').length === 2")
    worker.report(lease, "warning", {"code": "few-images", "message": "<u>few</u> images"})
    page.wait_for_text("<u>few</u> images")


def report(defense_id: str) -> dict[str, Any]:
    words = "The door is <b>closed</b>."
    evidence = {"verdict": "closed", "words": words, "suspects": [], "classes": []}
    return {
        "defense_id": defense_id,
        "numbers": {
            "accuracy_before": 0.9,
            "accuracy_after": 0.875,
            "attack_success_before": 0.99,
            "attack_success_after": 0.02,
        },
        "evidence": evidence,
        "measured_on": "test",
    }


def test_cancelling(page: Browser, small_site: Site, tmp_path: Path) -> None:
    defense_id = ask_for_a_defense(page, tmp_path)
    page.click("Cancel")
    page.wait_for_text("cancelled")
    found = small_site.client.get(f"/v1/defenses/{defense_id}").json()
    assert found["status"] == "cancelled"
    page.wait_for_text("cancel")


def test_by_keyboard_alone(page: Browser, small_site: Site, tmp_path: Path) -> None:
    """From the top of the page to a defense that was asked for; files come from a dialog."""
    page.wait_for_text("1. Files")
    page.press("Tab")
    assert page.look("document.activeElement.className") == "skip"
    page.press("Enter")
    page.wait("document.activeElement.id === 'content'")
    for label, file in zip(("Suspect model", "Clean images"), write_files(tmp_path), strict=True):
        reach(page, f"document.activeElement.labels?.[0]?.textContent === {json.dumps(label)}")
        page.choose(label, file)
    page.wait_for_text("Ready to start.")
    reach(page, "document.activeElement.textContent === 'Start the repair'")
    page.press("Enter")
    page.wait("location.hash.startsWith('#/defenses/')")
    page.wait("document.activeElement.id === 'content'")
    page.wait_for_text("queued")
    reach(page, "document.activeElement.textContent === 'Cancel'")
    page.press(" ")
    page.wait_for_text("cancelled")


def reach(page: Browser, there: str) -> None:
    """Tab after Tab."""
    for _ in range(100):
        page.press("Tab")
        if page.look(there):
            return
    raise AssertionError(f"no Tab leads to where {there}")


@pytest.mark.parametrize("complete", [True, False], ids=["complete", "no-preprocessor"])
def test_a_hugging_face_folder_is_recognised(
    page: Browser, small_site: Site, tmp_path: Path, complete: bool
) -> None:
    config = {"model_type": "vit", "num_channels": 1, "id2label": {"1": "dog", "0": "<b>cat"}}
    with zipfile.ZipFile(tmp_path / "vit.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vit/config.json", json.dumps(config))
        archive.writestr("vit/model.safetensors", bytes(100))
        if complete:
            archive.writestr("vit/preprocessor_config.json", "{}")
    _, clean = write_files(tmp_path)
    page.choose("Suspect model", tmp_path / "vit.zip")
    page.choose("Clean images", clean)
    page.wait_for_text("vit, 2 classes")
    if complete:
        page.wait_for_text("The file describes itself")
    else:
        page.wait_for_text("preprocessor_config.json is missing")
        page.wait_for_text("huggingface; 1×12×12; 2 classes")
    page.wait_for_text("Ready to start.")
    page.click("Start the repair")
    defense_id = page.wait("/^#.defenses.(def_\\w+)$/.exec(location.hash)?.[1]")
    sent = small_site.client.get(f"/v1/defenses/{defense_id}").json()
    assert sent["inputs"]["model"]["filename"] == "vit.zip"
    if complete:
        assert sent["description"] is None
    else:
        assert sent["description"]["architecture"]["config"] == config
        assert sent["description"]["classes"] == ["<b>cat", "dog"]


def test_an_onnx_file_is_recognised(page: Browser, small_site: Site, tmp_path: Path) -> None:
    path = tmp_path / "suspect.onnx"
    path.write_bytes(small_cnn().SerializeToString())
    _, clean = write_files(tmp_path)
    page.choose("Suspect model", path)
    page.choose("Clean images", clean)
    page.wait_for_text("onnx; all else as the file says")
    page.wait_for_text("Ready to start.")
    page.click("Start the repair")
    defense_id = page.wait("/^#.defenses.(def_\\w+)$/.exec(location.hash)?.[1]")
    sent = small_site.client.get(f"/v1/defenses/{defense_id}").json()
    assert sent["inputs"]["model"]["filename"] == "suspect.onnx"
    assert sent["description"] is None
