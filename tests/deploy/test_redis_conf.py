"""deploy/redis.conf, read by a real Redis."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from tests.servers import RedisServer, redis
from tests.servers.fixtures import have

CONF = Path(__file__).parents[2] / "deploy/redis.conf"


class DeployedRedis(RedisServer):
    """Redis with the deployed configuration, moved to a free port and a temporary folder."""

    name = "deployed-redis"

    def command(self) -> Sequence[str]:
        here = ["--port", str(self.port), "--dir", str(self.folder)]
        return [*super().command()[:1], str(CONF), *here, "--bind", "127.0.0.1"]


@pytest.mark.server
def test_the_broker_keeps_messages_and_drops_none() -> None:
    with ExitStack() as stack:
        server = have(redis(DeployedRedis), stack)
        with Redis.from_url(server.url, decode_responses=True) as client:
            settings = client.config_get("*")
            client.set("key", "value")
            server.kill()
            server.start()
            assert client.get("key") == "value"
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory-policy"] == "noeviction"
    assert int(settings["maxmemory"]) > 0
    assert settings["protected-mode"] == "yes"
