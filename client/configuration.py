"""Where the service is and who we are: argument, then environment, then file, then default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from client.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT = 60.0
ENVIRONMENT = {
    "url": "POLARIZER_URL",
    "api_key": "POLARIZER_API_KEY",
    "timeout": "POLARIZER_TIMEOUT",
}
FILE_VARIABLE = "POLARIZER_CONFIG"
PROFILE_VARIABLE = "POLARIZER_PROFILE"


@dataclass(frozen=True)
class Configuration:
    """``timeout`` in seconds; ``origins``: where each value came from. Never shows the key."""

    url: str = DEFAULT_URL
    api_key: str | None = field(default=None, repr=False)
    timeout: float = DEFAULT_TIMEOUT
    origins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(
        cls,
        *,
        url: str | None = None,
        api_key: str | None = None,
        timeout: float | None = None,
        profile: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Configuration:
        """Raises ConfigurationError, which names the place of what cannot be used."""
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for origin, found in (
            _from_file(environment, profile or environment.get(PROFILE_VARIABLE)),
            _from_environment(environment),
            ("the argument", {"url": url, "api_key": api_key, "timeout": timeout}),
        ):
            for name, value in found.items():
                if value not in (None, ""):
                    values[name] = value
                    origins[name] = ENVIRONMENT[name] if origin == "environment" else origin
        return cls(
            url=_url(values.get("url", DEFAULT_URL), origins.get("url", "the default")),
            api_key=_key(values.get("api_key"), origins.get("api_key", "")),
            timeout=_seconds(values.get("timeout", DEFAULT_TIMEOUT), origins.get("timeout", "")),
            origins=origins,
        )

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        headers = {"user-agent": f"polarizer/{our_version()}"}
        return headers | ({"authorization": f"Bearer {self.api_key}"} if self.api_key else {})


def config_path(environment: Mapping[str, str] | None = None) -> Path:
    """``POLARIZER_CONFIG``, or ``polarizer/config.toml`` below the XDG folder for configuration."""
    environment = os.environ if environment is None else environment
    if named := environment.get(FILE_VARIABLE):
        return Path(named).expanduser()
    home = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "polarizer" / "config.toml"


def our_version() -> str:
    """``unknown`` in a checkout that was not installed."""
    try:
        return version("neural-polarizer-service")
    except PackageNotFoundError:
        return "unknown"


def _from_environment(environment: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    found = {name: environment.get(variable) for name, variable in ENVIRONMENT.items()}
    return "environment", found


def _from_file(environment: Mapping[str, str], profile: str | None) -> tuple[str, dict[str, Any]]:
    path = config_path(environment)
    if not path.exists():
        if environment.get(FILE_VARIABLE):
            raise ConfigurationError(f"{FILE_VARIABLE} names {path}, which does not exist")
        if profile:
            raise ConfigurationError(f"profile {profile!r}: there is no {path}")
        return str(path), {}
    content = _read(path)
    profiles = content.pop("profiles", {})
    if profile:
        if not isinstance(profiles, dict) or profile not in profiles:
            known = ", ".join(sorted(profiles)) or "none"
            raise ConfigurationError(f"{path} has no profile {profile!r}; it has: {known}")
        content |= profiles[profile]
    unknown = sorted(set(content) - set(ENVIRONMENT))
    if unknown:
        raise ConfigurationError(
            f"{path}: {unknown[0]!r} is no setting; there are {', '.join(ENVIRONMENT)} and"
            " [profiles.NAME]"
        )
    return str(path), content


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _url(value: object, origin: str) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"{value!r} (from {origin}) is no address of a service; it begins with http:// or"
            " https://"
        )
    return value.rstrip("/")


def _key(value: object, origin: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ConfigurationError(f"the key from {origin} holds characters that no key has")
    return value.strip()


def _seconds(value: object, origin: str) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"timeout {value!r} (from {origin}) is no number of seconds")
    return seconds
