"""The engine's process: no secret, no orphan; and the web process without torch."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from service.inference.arena import Arena
from service.inference.process import environment, spawn
from service.settings import Settings
from tests.waiting import wait_until

SECRETS = {
    "POLARIZER_S3_SECRET_ACCESS_KEY": "hidden",
    "POLARIZER_DATABASE_URL": "postgresql://user:hidden@host/db",
    "AWS_SESSION_TOKEN": "hidden",
    "HF_TOKEN": "hidden",
}


def test_the_environment_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    arena = Arena(1)
    process, ours = spawn(settings, "cpu", arena)
    arena.close_descriptor()
    with process, ours:
        found = wait_until(psutil.Process(process.pid).environ)  # empty while exec goes on
        process.kill()
    assert "hidden" not in str(found)
    assert found["HOME"] == str(tmp_path.resolve() / "cache")
    assert set(found) == set(environment(tmp_path, os.environ))


SESSION = """
import os
import onnx
from onnx import TensorProto, helper
value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", value[:1], value[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
before = len(os.listdir("/proc/self/task"))
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
onnxruntime.InferenceSession(model.SerializeToString(), options)
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_onnx_runtime_reports_to_nobody(tmp_path: Path) -> None:
    """Its telemetry is a thread that opens a connection: the filter would end the engine for it."""
    found = subprocess.run(
        [sys.executable, "-c", SESSION],
        env=environment(tmp_path, {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == ["0"]


def started(tmp_path: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    arena = Arena(1)
    try:
        return spawn(Settings(data_dir=tmp_path), "cpu", arena)
    finally:
        arena.close_descriptor()


def test_it_leads_its_own_session_and_inherits_one_socket_and_one_memory(tmp_path: Path) -> None:
    process, ours = started(tmp_path)
    with process, ours:
        assert os.getsid(process.pid) == process.pid
        folder = Path(f"/proc/{process.pid}/fd")
        links = [str(link.readlink()) for link in folder.iterdir() if link.name != "2"]
        process.kill()
    assert sum(link.startswith("socket:") for link in links) == 1
    assert sum("polarizer-tensors" in link for link in links) == 1


def test_it_ends_when_the_socket_does(tmp_path: Path) -> None:
    process, ours = started(tmp_path)
    ours.close()
    assert process.wait(60) == 0


_PARENT = """
import sys, time
from pathlib import Path
from service.inference.arena import Arena
from service.inference.process import spawn
from service.settings import Settings
process, ours = spawn(Settings(data_dir=Path(sys.argv[1])), "cpu", Arena(1))
ours.recv(1)  # it says that it is ready
print(process.pid, flush=True)
sys.stdin.read()
"""


def test_it_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout
        engine = psutil.Process(int(parent.stdout.readline()))
        os.kill(engine.pid, signal.SIGSTOP)  # so that it cannot notice the end of its socket
        parent.kill()
    engine.wait(60)


def test_it_does_not_start_for_a_parent_that_is_gone() -> None:
    command = [sys.executable, "-m", "service.inference.engine", "--parent", "1"]
    for option in ("--socket", "--memory", "--memory-bytes", "--max-models", "--model-bytes"):
        command += [option, "0"]
    ended = subprocess.run([*command, "--device", "cpu"], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "is gone" in ended.stderr


def test_the_web_process_loads_no_torch() -> None:
    code = "import service.app, sys; print({'torch', 'transformers'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "set()\n", ended.stderr
