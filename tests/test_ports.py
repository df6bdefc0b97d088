"""TCP ports seen from outside: where a server listens, by which address it is reached, and which port is free."""

import os
import socket
from pathlib import Path

import pytest

from suite import ports
from suite.process import Server

pytestmark = pytest.mark.usefixtures("nothing_left")
IPV6 = pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")


def echo(address: tuple[str, int], text: bytes = b"a canary of 16 b\n") -> bytes:
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(text)
        return client.recv(len(text), socket.MSG_WAITALL)


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("TCP4-LISTEN:{port},bind=0.0.0.0", "127.0.0.1"),
        ("TCP4-LISTEN:{port},bind=127.0.0.2", "127.0.0.2"),
        pytest.param("TCP6-LISTEN:{port},ipv6only=0", "127.0.0.1", marks=IPV6),
        pytest.param("TCP6-LISTEN:{port},ipv6only=1", "::1", marks=IPV6),
        pytest.param("TCP6-LISTEN:{port},bind=[::1]", "::1", marks=IPV6),
        pytest.param("TCP6-LISTEN:{port},bind=[::ffff:127.0.0.1],ipv6only=0", "127.0.0.1", marks=IPV6),
    ],
)
def test_wildcard_and_ipv6_listeners_count_and_are_reached(listen: str, address: str, socat: list[str]) -> None:
    with Server.start(["socat", f"{listen},fork,reuseaddr", "EXEC:cat"]) as server:
        assert server.address[0] == address
        assert echo(server.address) == b"a canary of 16 b\n"


@IPV6
def test_asked_for_ipv6(socat: list[str]) -> None:
    with Server.start(["socat", "TCP6-LISTEN:{port},bind=[{host}],fork", "EXEC:cat"], host="::1") as server:
        assert server.address[0] == "::1"
        assert echo(server.address) == b"a canary of 16 b\n"


def test_many_held_connections_do_not_hide_a_listener() -> None:
    """Listeners come first in /proc/net/tcp; reading stops there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        held = [socket.create_connection((host, port)) for _ in range(100)]
        try:
            found = [row for row in ports.listeners() if row.port == port]
        finally:
            for sock in held:
                sock.close()
        assert [(row.host, row.port) for row in found] == [(host, port)]
        assert found[0].inode == os.fstat(listener.fileno()).st_ino
        assert found[0].inode in ports.socket_inodes(os.getpid())


def test_free_port_lies_outside_the_range_of_outgoing_connections() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = ports.free_port("127.0.0.1")
    assert low < 20000 or 10000 <= port < low
    with socket.create_server(("127.0.0.1", port)):
        pass
