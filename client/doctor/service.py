"""The service that the configuration names: is it there, whole, of our version, and ours to use?"""

from __future__ import annotations

from collections.abc import Iterator

from client.clients import Polarizer
from client.command.outcomes import hint_of
from client.configuration import our_version
from client.doctor.findings import Finding, note, ok, warning, wrong
from client.errors import ClientError, ForbiddenError, NotFoundError, UnauthorisedError


def check_service(service: Polarizer) -> Iterator[Finding]:
    """Stops at the first thing without which the others cannot be asked."""
    url = service.configuration.url
    try:
        ready = service.ready()
    except ClientError as error:
        yield wrong("service", str(error), hint_of(error) or f"is {url} the right address?")
        return
    yield ok("service", f"{url} answers")
    for part, state in ready.parts.items():
        if state == "ok":
            yield ok(f"its {part}", "answers")
        else:
            yield wrong(f"its {part}", state, "tell whoever runs the service")
    yield key(service)
    yield versions(service)


def key(service: Polarizer) -> Finding:
    """Who we are to it."""
    try:
        myself = service.keys.whoami()
    except UnauthorisedError as error:
        return wrong("key", str(error), hint_of(error) or "")
    except (ForbiddenError, NotFoundError) as error:
        return warning("key", str(error), "ask for a key with the scope `defend`")
    except ClientError as error:
        return wrong("key", str(error), hint_of(error) or "")
    scopes = " ".join(myself.scopes)
    if myself.key_id is None:
        return ok("key", "none is needed here")
    if "defend" not in myself.scopes:
        return note("key", f"scopes: {scopes}", "`polarizer defend` needs the scope `defend`")
    return ok("key", f"{myself.key_id}, scopes: {scopes}")


def versions(service: Polarizer) -> Finding:
    """Whether command and service are of one version."""
    try:
        theirs = str(service.openapi().get("info", {}).get("version", "unknown"))
    except ClientError as error:
        return warning("versions", str(error), hint_of(error) or "")
    ours = our_version()
    if "unknown" in (ours, theirs) or ours.split(".")[:2] == theirs.split(".")[:2]:
        return ok("versions", f"command {ours}, service {theirs}")
    return warning(
        "versions",
        f"command {ours}, service {theirs}",
        f"pip install neural-polarizer-service=={theirs}",
    )
