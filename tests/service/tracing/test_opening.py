"""When traces are exported, and where to; that nothing is loaded otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings
from service.tracing import OFF, open_tracing
from service.tracing.opening import endpoint_of

ROOT = Path(__file__).parents[3]
BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://base:4318/"}
WHOLE = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces:1/elsewhere"}
OURS = "http://ours:4318"


@pytest.mark.parametrize(
    ("ours", "variables", "endpoint"),
    [
        ("", {}, None),
        (OURS, {}, "http://ours:4318/v1/traces"),
        (f"{OURS}/", {}, "http://ours:4318/v1/traces"),
        (f"{OURS}/v1/traces", {}, "http://ours:4318/v1/traces"),
        ("", BASE, "http://base:4318/v1/traces"),
        ("", BASE | WHOLE, "http://traces:1/elsewhere"),
        (OURS, BASE | WHOLE, "http://ours:4318/v1/traces"),
        ("", BASE | {"OTEL_TRACES_EXPORTER": "none"}, None),
        ("", BASE | {"OTEL_TRACES_EXPORTER": "otlp"}, "http://base:4318/v1/traces"),
        (OURS, BASE | {"OTEL_SDK_DISABLED": "True"}, None),
    ],
    ids=[
        *("nothing", "ours", "a slash", "whole", "theirs", "theirs, whole", "ours first"),
        *("theirs switched off", "theirs named", "everything switched off"),
    ],
)
def test_where_spans_go(ours: str, variables: dict[str, str], endpoint: str | None) -> None:
    assert endpoint_of(Settings(traces_endpoint=ours), variables) == endpoint


def test_another_scheme_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(traces_endpoint="grpc://host:4317")


def test_without_an_endpoint_nothing_is_recorded() -> None:
    assert open_tracing(Settings(), "api", variables={}) is OFF


OFF_PROGRAM = """
import sys
from pathlib import Path
from service.app import create_app
from service.settings import Settings
import worker.app, worker.child.program
create_app(Settings(data_dir=Path("unused")))
loaded = [name for name in sys.modules if name.startswith(
    ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf", "requests"))]
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""


def test_without_an_endpoint_nothing_is_loaded(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF_PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


MISSING_PROGRAM = """
import sys
sys.modules["opentelemetry.sdk"] = None
from service.__main__ import cli
cli(["serve", "--port", "0"])
"""


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MISSING_PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "POLARIZER_TRACES_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "install the extra `telemetry`" in done.stderr
    assert "Traceback" not in done.stderr
