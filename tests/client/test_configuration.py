"""Argument before environment before file before default; no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from client import ConfigurationError
from client.configuration import Configuration, config_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        'url = "http://file:1"\napi_key = "from-file"\n'
        '[profiles.lab]\nurl = "https://lab.example/"\ntimeout = 5\n'
    )
    return path


def test_the_default() -> None:
    found = Configuration.load(environment={"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"})
    assert (found.url, found.api_key, found.timeout) == ("http://127.0.0.1:8000", None, 60.0)


def test_each_place_overrules_the_next(file: Path) -> None:
    place = {"POLARIZER_CONFIG": str(file)}
    from_file = Configuration.load(environment=place)
    assert (from_file.url, from_file.api_key) == ("http://file:1", "from-file")
    environment = place | {"POLARIZER_URL": "http://env:2", "POLARIZER_API_KEY": ""}
    from_env = Configuration.load(environment=environment)
    assert (from_env.url, from_env.api_key) == ("http://env:2", "from-file")
    given = Configuration.load(environment=environment, url="http://flag:3", api_key="mine")
    assert (given.url, given.api_key) == ("http://flag:3", "mine")
    assert given.origins["url"] == "the argument"
    assert from_env.origins == {"url": "POLARIZER_URL", "api_key": str(file)}


def test_a_profile(file: Path) -> None:
    place = {"POLARIZER_CONFIG": str(file), "POLARIZER_PROFILE": "lab"}
    found = Configuration.load(environment=place)
    assert (found.url, found.timeout, found.api_key) == ("https://lab.example", 5.0, "from-file")
    with pytest.raises(ConfigurationError, match="it has: lab"):
        Configuration.load(environment=place, profile="home")


def test_where_the_file_is(tmp_path: Path) -> None:
    assert config_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/polarizer/config.toml")
    assert config_path({"POLARIZER_CONFIG": "/y.toml"}) == Path("/y.toml")
    assert config_path({}) == Path.home() / ".config/polarizer/config.toml"


def test_the_key_is_in_the_header_and_nowhere_else(file: Path) -> None:
    found = Configuration.load(environment={"POLARIZER_CONFIG": str(file)})
    assert found.headers["authorization"] == "Bearer from-file"
    assert "from-file" not in repr(found)
    assert "authorization" not in Configuration(url="http://x").headers


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("url = 5", "no address"),
        ('url = "localhost:8000"', "http://"),
        ("timeout = -1", "seconds"),
        ('timeout = "long"', "seconds"),
        ("urls = 3", "'urls' is no setting"),
        ("url = ", "cannot be read"),
        ('api_key = "ab\\u0001"', "characters"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=says):
        Configuration.load(environment={"POLARIZER_CONFIG": str(path)})


def test_a_named_file_must_exist() -> None:
    with pytest.raises(ConfigurationError, match="POLARIZER_CONFIG names"):
        Configuration.load(environment={"POLARIZER_CONFIG": "/nowhere.toml"})
