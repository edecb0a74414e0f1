"""OpenStack Swift in one process: ``python swift_process.py FOLDER PORT ACCESS SECRET REGION``.

The proxy with the S3 interface listens on PORT; the three storage servers behind it take free
ports, which are written into fresh rings at every start. With one device the place of an object
does not depend on them, so a restart finds the data of before.
"""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import configparser  # noqa: E402 - everything after the patch
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402
from swift.common.ring import RingData  # noqa: E402
from swift.common.utils import NullLogger  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

KINDS = ("account", "container", "object")
PART_POWER = 4
DEVICE = "disk"
# In Swift's order; s3api must come before the authentication that it speaks for.
FILTERS = (
    "catch_errors",
    "gatekeeper",
    "healthcheck",
    "listing_formats",
    "bulk",
    "s3api",
    "tempauth",
    "copy",
    "slo",
    "dlo",
    "versioned_writes",
    "symlink",
)


def main(folder: Path, port: int, access_key: str, secret_key: str, region: str) -> None:
    """Serve until killed."""
    utils.HASH_PATH_SUFFIX = b"tests"
    (folder / DEVICE).mkdir(exist_ok=True)
    storage = {kind: eventlet.listen(("127.0.0.1", 0)) for kind in KINDS}
    for kind, listener in storage.items():
        write_ring(folder, kind, listener.getsockname()[1])
    threads = [eventlet.spawn(serve, folder, f"{kind}-server", {}, storage[kind]) for kind in KINDS]
    account, user = access_key.split(":")
    options = {
        "app": {"account_autocreate": "true"},
        "tempauth": {f"user_{account}_{user}": f"{secret_key} .admin"},
        "s3api": {"location": region, "max_upload_part_num": "10000"},
        "versioned_writes": {"allow_object_versioning": "true"},
    }
    listener = eventlet.listen(("127.0.0.1", port))
    threads.append(eventlet.spawn(serve, folder, "proxy-server", options, listener))
    for thread in threads:
        thread.wait()


def write_ring(folder: Path, kind: str, port: int) -> None:
    """A ring of one device: every partition of this kind lies there."""
    device = {
        "id": 0,
        "region": 1,
        "zone": 1,
        "weight": 1.0,
        "ip": "127.0.0.1",
        "port": port,
        "replication_ip": "127.0.0.1",
        "replication_port": port,
        "device": DEVICE,
        "meta": "",
    }
    ring = RingData([[0] * 2**PART_POWER], [device], 32 - PART_POWER)
    ring.save(str(folder / f"{kind}.ring.gz"))


def serve(
    folder: Path,
    app: str,
    options: dict[str, dict[str, str]],
    listener: eventlet.greenio.GreenSocket,
) -> None:
    """Serve one of the four; ``options`` by section override the defaults."""
    filters = FILTERS if app == "proxy-server" else ("healthcheck",)
    config = configparser.ConfigParser(interpolation=None)
    config["DEFAULT"] = {
        "swift_dir": str(folder),
        "devices": str(folder),
        "mount_check": "false",
        "disable_fallocate": "true",
        "log_address": "/nonexistent",
    }
    config["pipeline:main"] = {"pipeline": " ".join([*filters, app])}
    config[f"app:{app}"] = {"use": f"egg:swift#{app.split('-')[0]}", **options.get("app", {})}
    for name in filters:
        config[f"filter:{name}"] = {"use": f"egg:swift#{name}", **options.get(name, {})}
    path = folder / f"{app}.conf"
    with path.open("w") as file:
        config.write(file)
    wsgi.server(
        listener,
        loadapp(str(path)),
        NullLogger(),
        protocol=SwiftHttpProtocol,
        capitalize_response_headers=False,  # botocore looks for "ETag", not "Etag"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
