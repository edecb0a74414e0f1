"""Without keys in the settings, boto3 finds credentials: by a token that STS exchanges, say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from service.settings import Settings
from service.storage import open_store

GIVEN = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIATEMPORARY</AccessKeyId>
<SecretAccessKey>for-an-hour</SecretAccessKey><SessionToken>session-token</SessionToken>
<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


class Cloud(BaseHTTPRequestHandler):
    """STS, which takes a POST, and S3, of which only a bucket is asked for."""

    asked: list[dict[str, list[str]]]
    signed: list[tuple[str, str | None]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(parse_qs(body))
        self._answer(GIVEN.encode())

    def do_HEAD(self) -> None:
        token = self.headers.get("X-Amz-Security-Token")
        self.signed.append((self.headers["Authorization"], token))
        self._answer(b"")

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def cloud() -> Iterator[tuple[str, type[Cloud]]]:
    class Listening(Cloud):
        asked: list[dict[str, list[str]]] = []
        signed: list[tuple[str, str | None]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Listening
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pods_token_becomes_credentials(
    cloud: tuple[str, type[Cloud]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, listening = cloud
    token = tmp_path / "token"
    token.write_text("the-pods-own-token")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/polarizer-worker",
        "AWS_ROLE_SESSION_NAME": "polarizer-worker-cpu-1",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_STS": url,
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings(data_dir=tmp_path, store_url="s3://bucket/store", s3_endpoint_url=url)

    open_store(settings).ping()

    (asked,) = listening.asked
    assert asked["Action"] == ["AssumeRoleWithWebIdentity"]
    assert asked["WebIdentityToken"] == ["the-pods-own-token"]
    assert asked["RoleArn"] == ["arn:aws:iam::123456789012:role/polarizer-worker"]
    ((authorization, session),) = listening.signed
    assert "ASIATEMPORARY" in authorization
    assert session == "session-token"
