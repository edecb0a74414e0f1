"""The network, and every other socket."""

from __future__ import annotations

import socket

from tests.confinement.attacks.trying import TARGETS, Tries, buffer, raw

attack = Tries()


@attack
def connect_tcp() -> object:
    return socket.create_connection(("127.0.0.1", TARGETS["tcp"]), 2)


@attack
def listen_tcp() -> object:
    return socket.create_server(("127.0.0.1", 0))


@attack
def send_udp() -> object:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))


@attack
def ipv6() -> object:
    return socket.socket(socket.AF_INET6, socket.SOCK_STREAM)


@attack
def raw_packets() -> object:
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


@attack
def netlink() -> object:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


@attack
def connect_unix_path() -> object:
    return socket.socket(socket.AF_UNIX).connect(TARGETS["unix"])


@attack
def connect_unix_abstract() -> object:
    return socket.socket(socket.AF_UNIX).connect(TARGETS["abstract"])


@attack
def socket_pair() -> object:
    return socket.socketpair()


@attack
def send_on_standard_input() -> object:
    return raw("sendto", 0, buffer(b"x"), 1, 0, None, 0)


@attack
def virtual_sockets() -> object:
    return raw("socket", 40, 1, 0)


@attack
def kernel_cryptography() -> object:
    return raw("socket", 38, 5, 0)
