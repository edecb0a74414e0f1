"""Every command against a real service, as text and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from client import Polarizer
from client.downloads import digest_of
from client.records import Defense
from tests.client.command.conftest import Run
from tests.client.conftest import Files
from tests.worker import samples

FAST = [f"--set={name}={json.dumps(value)}" for name, value in samples.FAST.items()]
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


def test_defend_to_the_end(at: Run, files: Files, tmp_path: Path) -> None:
    out, listing = tmp_path / "out", tmp_path / "github"
    done = at(
        *("defend", files.model, "--clean", files.clean_folder, "--test", files.test),
        *("--triggered", files.triggered, "--target-class", "2", "--seed", "1", "--name", "mine"),
        *("--out", out, "--require", "accuracy_before > 90%", "--no-evidence", *FAST),
        *("--value", f"model_id={tmp_path / 'id'}", "--outputs", listing),
    )
    assert done.code == 0, done.err
    assert "purifying" in done.err
    assert "uploaded model" in done.err or "reuse" not in done.err
    assert not CONTROL.search(done.out + done.err)
    assert "PASS  accuracy_before > 90%" in done.out
    result = json.loads((out / "result.json").read_text())
    assert (result["schema_version"], result["kind"]) == (1, "defense")
    data = result["data"]
    assert data["gate"]["passed"] is True
    assert (data["config"]["seed"], data["config"]["steps"]) == (1, samples.FAST["steps"])
    assert set(data["files"]) >= {"model", "report"}
    report = json.loads((out / "report.json").read_text())
    assert report["artefact"]["sha256"] == digest_of(out / "model.safetensors")
    assert (tmp_path / "id").read_text() == data["model_id"]
    assert f"defense_id={data['id']}\n" in listing.read_text()
    assert "passed=true\n" in listing.read_text()


def test_what_was_found_and_what_the_numbers_are_worth_is_told_at_the_end(
    at: Run, files: Files
) -> None:
    done = at("defend", files.model, "--clean", files.clean, *FAST)
    assert done.code == 0, done.err
    assert "without the trigger: " in done.out
    assert "images only; send more" in done.out
    assert done.out.index("accuracy on clean images") < done.out.index("without the trigger: ")


def test_a_rejected_model(at: Run, files: Files, tmp_path: Path) -> None:
    bad = tmp_path / "model.bin"
    bad.write_bytes(b"nothing")
    done = at("defend", bad, "--clean", files.clean, "--description", files.description, "--json")
    assert done.code == 3
    defense, error = (json.loads(line) for line in done.out.splitlines())
    assert (defense["kind"], defense["data"]["status"]) == ("defense", "failed")
    assert error["data"]["code"] == "model-format"
    assert error["data"]["defense_id"] == defense["data"]["id"]


def test_asking_without_waiting_and_cancelling(at: Run, service: Polarizer, files: Files) -> None:
    done = at("defend", files.model, "--clean", files.clean, "--no-wait", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    defense = done.data["id"]
    assert at("cancel", defense, "--json").data["status"] in ("cancelled", "cancelling")
    service.defenses.wait(defense)
    watched = at("watch", defense)
    assert watched.code == 1
    assert "cancelled" in watched.err
    assert at("delete", defense).code == 0
    gone = at("status", defense)
    assert gone.code == 3
    assert "there is no defense" in gone.err


def test_status(at: Run, defended: Defense) -> None:
    one = at("status", defended.id)
    assert re.search(r"status +succeeded", one.out)
    assert re.search(r"accuracy on clean images +\d", one.out)
    assert at("status", defended.id, "--json").data["id"] == defended.id
    several = at("status", "--status", "succeeded", "--limit", "100")
    assert defended.id in several.out
    listed = at("status", "--json", "--status", "succeeded", "--limit", 100)
    assert listed.document["kind"] == "defenses"
    assert defended.id in [item["id"] for item in listed.data]


def test_watching_what_has_ended(at: Run, defended: Defense, tmp_path: Path) -> None:
    done = at("watch", defended.id, "--out", tmp_path / "kept")
    assert done.code == 0
    assert "accuracy after: " in done.err
    assert (tmp_path / "kept" / "model.safetensors").exists()
    as_json = at("watch", defended.id, "--json")
    documents = [json.loads(line) for line in as_json.out.splitlines()]
    assert [document["kind"] for document in documents[:2]] == ["event", "event"]
    assert documents[-1]["kind"] == "defense"


def test_report(at: Run, defended: Defense, tmp_path: Path) -> None:
    words = at("report", defended.id)
    assert "keep in mind" in words.out
    assert json.loads(at("report", defended.id, "--json").out)["defense_id"] == defended.id
    path = tmp_path / "r" / "report.json"
    assert at("report", defended.id, "--out", path).code == 0
    assert json.loads(path.read_text())["defense_id"] == defended.id


def test_the_forms_of_a_report(at: Run, defended: Defense, tmp_path: Path) -> None:
    page, card, bom = (tmp_path / name for name in ("page", "card", "bom"))
    assert at("report", defended.id, "--html", page, "--card", card, "--bom", bom).code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert card.read_text().startswith("---\npipeline_tag:")
    assert json.loads(bom.read_text())["bomFormat"] == "CycloneDX"
    model = str(defended.model_id)
    for name, same in (("again.HTML", page), ("again.md", card), ("again.cdx.json", bom)):
        assert at("report", model, "--out", tmp_path / name).code == 0
        assert (tmp_path / name).read_bytes() == same.read_bytes()
    assert at("report", model).out == at("report", defended.id).out
    assert at("report", "mdl_none").code == 3


def test_models(at: Run, defended: Defense, tmp_path: Path) -> None:
    model = str(defended.model_id)
    assert model in at("models").out
    assert model in [item["id"] for item in at("models", "list", "--json").data]
    assert "small_cnn" in at("models", "show", model).out
    path = tmp_path / "m.safetensors"
    assert at("models", "download", model, path).code == 0
    assert digest_of(path) == at("models", "show", model, "--json").data["sha256"]
    assert re.search(r"alarm +off", at("models", "alarm", model, "--off").out)
    assert re.search(r"alarm +on", at("models", "alarm", model).out)
    assert at("models", "delete", "mdl_none").code == 3


def test_predict_and_names(at: Run, defended: Defense, files: Files) -> None:
    model = str(defended.model_id)
    assert at("names", "point", "lines", model, "--json").data["version"] == 1
    done = at("predict", "lines", files.image, files.image, "--top", 2)
    assert done.out.count("columns") == 2
    data = at("predict", model, files.image, "--json").data
    assert data["predictions"][0]["file"] == str(files.image)
    assert "lines" in at("names").out
    assert model in at("names", "show", "lines").out
    assert at("names", "rollback", "lines", "--to", 1).code == 0
    assert at("names", "delete", "lines", "--json").data == {"name": "lines"}
    missing = at("predict", model, "nowhere.png")
    assert (missing.code, "nowhere.png" in missing.err) == (3, True)


def test_uploads(at: Run, files: Files) -> None:
    upload = at("uploads", "send", files.image).out.strip()
    assert upload.startswith("upl_")
    assert at("uploads", "send", files.image, "--json").data["id"] == upload
    assert upload in at("uploads").out
    assert at("uploads", "delete", upload).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["defend", "none.bin", "--clean", "c"], 3, "model: none.bin does not exist"),
        (["defend", "http://x/m", "--clean", "c"], 3, "http:// is not read"),
        (["defend", "m"], 2, "--clean"),
        (["defend", "m", "--clean", "c", "--set", "steps"], 3, "NAME=VALUE"),
        (["defend", "m", "--clean", "c", "--require", "acuracy_drop < 1"], 2, "accuracy_drop"),
        (["defend", "m", "--clean", "c", "--no-wait", "--out", "o"], 3, "--no-wait"),
        (["frobnicate"], 2, "frobnicate"),
        (["status", "--url", "localhost"], 2, "http://"),
        (["status", "--url", "http://127.0.0.1:9", "--timeout", "x"], 2, "timeout"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_told(run: Run, arguments: list[str], code: int, says: str) -> None:
    done = run(*arguments)
    assert done.code == code, done.err
    assert says in done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_secrets_are_not_told(run: Run) -> None:
    done = run(
        "status", "--url", "http://127.0.0.1:9", "--json", POLARIZER_API_KEY="plr_secret\x07"
    )
    assert done.code == 2
    assert "plr_secret" not in done.out + done.err


def test_options_stand_anywhere(at: Run, defended: Defense) -> None:
    before, after = at("--json", "status", defended.id), at("status", defended.id, "--json")
    assert before.out == after.out
    assert at("status", "--url=http://127.0.0.1:9/x", "--help").code == 0


def test_the_version_and_the_help(run: Run) -> None:
    assert run("--version").out.startswith("polarizer ")
    help_text = run("defend", "--help").out
    assert "Examples:" in help_text
    assert "Traceback" not in help_text
    assert "Exit codes" in run("--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    done = run(_POLARIZER_COMPLETE=f"source_{shell}")
    assert "polarizer" in done.out
