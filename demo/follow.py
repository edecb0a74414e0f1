"""Live progress of a defense, from its server-sent events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


def follow(client: httpx.Client, location: str, console: Console) -> dict[str, Any]:
    """Draws stage and progress until the job ends; returns the defense."""
    columns = (TextColumn("{task.description:12}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("queued", total=1.0)
        for kind, data in events(client, location):
            if kind == "stage":
                progress.update(task, description=data["stage"])
            elif kind == "progress":
                progress.update(task, completed=data["fraction"])
            elif kind == "status":
                progress.update(task, description=data["status"])
        progress.update(task, completed=1.0)
    defense: dict[str, Any] = client.get(location).raise_for_status().json()
    return defense


def events(client: httpx.Client, location: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and data of each event, until the stream ends with the job."""
    headers = {"accept": "text/event-stream"}
    with client.stream("GET", f"{location}/events", headers=headers, timeout=60) as stream:
        stream.raise_for_status()
        kind = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, json.loads(value)["data"]
