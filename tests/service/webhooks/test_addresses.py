"""Nothing in here can be reached by a webhook, however it is written."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import WebhookRefusedError
from service.webhooks.addresses import is_public, reachable, target

PRIVATE = {
    "loopback": "127.0.0.1",
    "loopback further on": "127.8.8.8",
    "this host": "0.0.0.0",
    "this network": "0.1.2.3",
    "private 10": "10.0.0.1",
    "private 172": "172.31.255.255",
    "private 192": "192.168.1.1",
    "carrier-grade NAT": "100.64.0.1",
    "link-local": "169.254.0.1",
    "metadata": "169.254.169.254",
    "protocol assignments": "192.0.0.8",
    "documentation": "203.0.113.5",
    "benchmarking": "198.18.0.1",
    "multicast": "224.0.0.1",
    "multicast that is global": "239.255.255.250",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "6to4 relay": "192.88.99.1",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 site-local": "fec0::1",
    "IPv6 unique local": "fd00:ec2::254",
    "IPv6 multicast": "ff02::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 documentation, new": "3fff::1",
    "IPv4 mapped": "::ffff:127.0.0.1",
    "public IPv4 mapped": "::ffff:8.8.8.8",
    "IPv4 compatible": "::127.0.0.1",
    "6to4 of loopback": "2002:7f00:1::1",
    "Teredo": "2001:0:7f00:1::1",
    "NAT64": "64:ff9b::7f00:1",
    "local NAT64": "64:ff9b:1::7f00:1",
    "discard": "100::1",
}


@pytest.mark.parametrize("address", PRIVATE.values(), ids=PRIVATE)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(WebhookRefusedError):
        target(f"https://{host}/")
    with pytest.raises(WebhookRefusedError):
        reachable(target("https://hooks.example/"), lambda _host, _port: [address])
    with pytest.raises(WebhookRefusedError):
        reachable(target("https://hooks.example/"), lambda _host, _port: ["9.9.9.9", address])


@pytest.mark.parametrize("address", ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111"])
def test_what_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert reachable(target("https://hooks.example/"), lambda _host, _port: [address]) == address


@given(st.ip_addresses())
def test_what_is_public_is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_private
        assert not address.is_link_local
        assert getattr(address, "ipv4_mapped", None) is None


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "localhost", "localhost.", "a.internal"]
)
def test_a_name_is_what_it_leads_to(host: str) -> None:
    """However a system reads it: what counts is the address that comes of it."""

    def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.raises(WebhookRefusedError):
        reachable(target(f"https://{host}/"), resolve)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "//hooks.example/",
        "https:///path",
        "https://user@hooks.example/",
        "https://user:word@hooks.example/",
        "https://hooks.example@127.0.0.1/",
        "https://hooks.example/#fragment",
        "https://hooks.example:99999/",
        "https://hooks.example:0/",
        "https://hooks.example:x/",
        "https://hööks.example/",
        "https://hooks_.example\\@127.0.0.1/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://①②⑦.⓪.⓪.①/",
        "https://hooks.example%00.evil/",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_address_for_a_webhook(url: str) -> None:
    with pytest.raises(WebhookRefusedError) as caught:
        target(url)
    assert "word" not in caught.value.detail


def test_hosts_that_the_operator_names_may_be_private() -> None:
    hosts = ("hooks.local:8080", "10.0.0.7")
    found = target("http://hooks.local:8080/x?y", hosts)
    assert (found.port, found.path, found.authority) == (8080, "/x?y", "hooks.local:8080")
    assert reachable(found, lambda _host, _port: ["127.0.0.1"]) == "127.0.0.1"
    assert target("https://10.0.0.7/", hosts).trusted
    for url in ("http://hooks.local/", "http://hooks.local:80/", "https://10.0.0.70/"):
        with pytest.raises(WebhookRefusedError):
            reachable(target(url, hosts), lambda _host, _port: ["10.0.0.70"])


def test_a_name_without_addresses() -> None:
    nothing: Callable[[str, int], list[str]] = lambda _host, _port: []  # noqa: E731
    with pytest.raises(OSError, match="no address"):
        reachable(target("https://hooks.example/"), nothing)
