"""Which addresses a webhook may reach: public ones, and hosts that the operator names."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.errors import WebhookRefusedError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in (
        # All special blocks of IPv4, since what is_global knows differs by Python's version.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "2001::/23",  # protocol assignments, Teredo among them: an IPv4 address lies inside
        "2002::/16",  # 6to4: the same
        "2001:db8::/32",
        "3fff::/20",
    )
)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True)
class Target:
    """Where a message goes. ``trusted`` hosts may be private, and be spoken to by http."""

    scheme: str
    host: str
    port: int
    path: str
    trusted: bool

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


_PORTS = {"https": 443, "http": 80}


def target(url: str, trusted_hosts: Sequence[str] = ()) -> Target:
    """The parts of a webhook's address. Raises WebhookRefusedError for one that can never be
    reached; what its name leads to is looked at when it is sent to."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WebhookRefusedError("webhook.url is no address") from error
    netloc = parts.netloc.lower()
    if parts.scheme not in _PORTS or "@" in netloc or parts.fragment or not parts.hostname:
        raise WebhookRefusedError("webhook.url must be https://host/path, without user or fragment")
    host = parts.hostname
    if not _HOST.fullmatch(f"[{host}]" if ":" in host else host) or port == 0:
        raise WebhookRefusedError("webhook.url names a host that cannot be; write it in ASCII")
    trusted = bool({netloc, host} & set(trusted_hosts))
    if parts.scheme != "https" and not trusted:
        raise WebhookRefusedError("webhook.url must begin with https://")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    found = Target(parts.scheme, host, port or _PORTS[parts.scheme], path, trusted)
    literal = _literal(host)
    if literal is not None and not trusted and not is_public(literal):
        raise WebhookRefusedError(f"webhook.url leads to {literal}, which is no public address")
    return found


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could be there, and nobody in here."""
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv6Address):  # mapped and translated IPv4 lies elsewhere
        return address in _GLOBAL_UNICAST
    return address.is_global


def resolve(host: str, port: int) -> list[str]:
    """Every address of a name, as the system finds them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def reachable(target: Target, resolve: Resolve = resolve) -> str:
    """The address to connect to: a checked one, to be used as it is.

    Raises WebhookRefusedError when any of the name's addresses is not public, OSError when it has
    none.
    """
    addresses = resolve(target.host, target.port)
    if not addresses:
        raise OSError(f"{target.host} has no address")
    if not target.trusted:
        for address in addresses:
            if not is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise WebhookRefusedError(
                    f"{target.host} leads to an address that is not public; nothing is sent there"
                )
    return addresses[0]
