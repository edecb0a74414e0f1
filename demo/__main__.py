"""Trains a backdoored classifier, has it repaired by the embedded service, and shows the result.

Everything after the training goes through the public HTTP API, as a user's calls would.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import nn

from demo import digits
from demo.embedded import running_service
from demo.follow import follow

HERE = Path(__file__).parent
SEED = 0
console = Console()


def main() -> int:
    """Runs the demo; the exit status says whether the backdoor is gone."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="polarizer-demo-") as folder:
        files = Path(folder) / "files"
        console.rule("1. An attacker trains a classifier with a backdoor")
        data = digits.load(SEED)
        with console.status("training on scikit-learn's handwritten digits"):
            network = digits.train_backdoored(data, SEED)
        digits.write_files(files, data, network)
        console.print(
            f"{digits.TRAINING_IMAGES} scans, one in ten with a white corner and the label"
            f" {digits.TARGET}"
        )
        console.rule("2. We upload it with 200 clean digits")
        with (
            running_service(Path(folder) / "data") as url,
            httpx.Client(base_url=url, timeout=60) as client,
        ):
            defense = defend(client, files)
            show_numbers(defense["numbers"])
            verdict = show_evidence(client, defense["id"])
            console.rule("3. The repaired model answers")
            show_predictions(client, defense["model_id"], data, network)
    result = keep_result(defense, verdict, time.monotonic() - started)
    return 0 if result["attack_success_after"] <= 0.05 else 1


def defend(client: httpx.Client, files: Path) -> dict[str, Any]:
    """Uploads the files, follows the job to its end, returns the finished defense."""
    request = {"name": "digits", "target_class": str(digits.TARGET)}
    parts = {
        "model": (files / "model.safetensors").open("rb"),
        "description": (files / "model.json").open("rb"),
        **{role: (files / f"{role}.npz").open("rb") for role in ("clean", "test", "triggered")},
    }
    answer = client.post("/v1/defenses", files=parts, data={"request": json.dumps(request)})
    answer.raise_for_status()
    console.print(f"POST /v1/defenses → {answer.status_code} {answer.headers['location']}")
    defense = follow(client, answer.headers["location"], console)
    if defense["status"] != "succeeded":
        console.print(f"[red]{defense['status']}: {defense['error']}")
        raise SystemExit(1)
    return defense


def show_numbers(numbers: dict[str, Any]) -> None:
    """Before and after, as the service measured them."""
    table = Table(title="measured by the service on 497 test digits that it did not learn from")
    for column in ("", "before", "after"):
        table.add_column(column, justify="left" if not column else "right")
    rows = {
        "accuracy on clean digits": "accuracy",
        "attack success": "attack_success",
        "triggered digits given their true class": "recovered_accuracy",
    }
    for title, name in rows.items():
        table.add_row(title, *(f"{numbers[f'{name}_{when}']:.1%}" for when in ("before", "after")))
    console.print(table)


def show_evidence(client: httpx.Client, defense_id: str) -> str:
    """What the service says of the repair without having been told the trigger."""
    report = client.get(f"/v1/defenses/{defense_id}/report").raise_for_status().json()
    evidence = report["evidence"]
    console.print(f"without the trigger: [bold]{evidence['verdict']}[/]. {evidence['words']}")
    verdict: str = evidence["verdict"]
    return verdict


def show_predictions(
    client: httpx.Client, model_id: str, data: digits.Digits, network: nn.Module
) -> None:
    """One clean and one triggered digit through the served model."""
    images, labels = data.test
    chosen = int((labels == 7).argmax())
    clean = images[chosen]
    for title, image in (("clean", clean), ("triggered", digits.add_trigger(clean[None])[0])):
        before = digits.predict(network, image)
        answer = client.post(
            f"/v1/models/{model_id}/predict",
            content=png(image),
            headers={"content-type": "image/png"},
        ).raise_for_status()
        best = answer.json()["predictions"][0]["top"][0]
        console.print(
            f"a {title} digit {labels[chosen]}: the uploaded model said {before}, the repaired one"
            f" says {best['label']} ({best['probability']:.0%})"
        )


def png(image: digits.Images) -> bytes:
    """An 8x8 image as a file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png")
    return buffer.getvalue()


def keep_result(defense: dict[str, Any], verdict: str, seconds: float) -> dict[str, Any]:
    """Writes demo/result.json."""
    names = (
        "accuracy_before",
        "accuracy_after",
        "attack_success_before",
        "attack_success_after",
        "recovered_accuracy_after",
    )
    result = {name: defense["numbers"][name] for name in names}
    result |= {"verdict": verdict, "seconds": round(seconds, 1)}
    path = HERE / "result.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    console.print(f"\n{seconds:.0f} s in all; the numbers are in demo/result.json")
    return result


if __name__ == "__main__":
    sys.exit(main())
