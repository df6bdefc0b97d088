"""What a connection to the Twisted driver must not lose, hold or break."""

import os
import socket
import threading
import time

import pytest

from tests.twisted_impl.running import PATIENCE, connect, echoes, read_to_end, reset, serving, wait_for

MIB = 1 << 20
mechanisms = pytest.mark.parametrize("mechanism", ["epoll", "poll", "select", "producer"])


@pytest.mark.parametrize("mechanism", ["epoll", "poll", "select", "producer", "native"])
def test_data_with_the_fin_on_its_heels_is_answered(mechanism: str) -> None:
    """twisted.protocols.wire.Echo answers 0 of 60 here."""
    text = os.urandom(1000)
    with serving(mechanism) as server:
        for _ in range(60):
            with connect(server) as client:
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                assert read_to_end(client) == text


@pytest.mark.parametrize("mechanism", ["epoll", "select", "producer", "native"])
def test_a_client_that_reads_late_gets_everything(mechanism: str) -> None:
    """All that the server accepted before the FIN comes back, though the client reads only after it."""
    with serving(mechanism) as server, connect(server) as client:
        sent = fill(client, most=32 * MIB)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(PATIENCE)
        assert len(read_to_end(client)) == sent
        assert sent > MIB


def fill(client: socket.socket, most: int) -> int:
    """Send until the server has taken nothing more for half a second, or `most` bytes; return how many."""
    client.settimeout(0.5)
    piece = bytes(MIB)
    sent = 0
    while sent < most:
        try:
            sent += client.send(piece)
        except TimeoutError:
            break
    return sent


@pytest.mark.parametrize("mechanism", ["epoll", "poll", "select", "producer", "native"])
def test_a_client_that_never_reads_is_not_read_from(mechanism: str) -> None:
    with serving(mechanism) as server, connect(server) as glutton, connect(server) as other:
        assert fill(glutton, most=128 * MIB) <= 64 * MIB
        assert echoes(other, b"served meanwhile")


@mechanisms
def test_no_byte_is_lost_or_moved_by_backpressure(mechanism: str) -> None:
    text = os.urandom(8 * MIB)
    with serving(mechanism, "--high-water", "1000") as server, connect(server) as client:

        def send() -> None:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = read_to_end(client)
        sender.join()
        assert received == text


@mechanisms
def test_a_reset_is_clean_and_one_clients_own(mechanism: str) -> None:
    with serving(mechanism, "-v") as server, connect(server) as witness:
        for payload in (0, 1, 4 * MIB):
            client = connect(server)
            if payload:
                fill(client, most=payload)
            reset(client)
        wait_for(lambda: server.log.count("(RST)") == 3, "three ends by RST")
        assert echoes(witness, b"still here")
        assert "failed" not in server.log


@mechanisms
def test_endless_output_is_bounded_and_ends_with_the_clients_fin(mechanism: str) -> None:
    """A client that reads more slowly than chargen writes is heard all the same."""
    with serving(mechanism, "--service", "chargen") as server, connect(server) as client:
        client.shutdown(socket.SHUT_WR)
        assert len(read_to_end(client)) <= 64 * MIB
    with serving(mechanism, "--service", "chargen") as server, connect(server) as slow:
        assert slow.recv(74, socket.MSG_WAITALL).endswith(b"\r\n")
        before = server.cpu_seconds()
        time.sleep(0.5)  # it has nothing to do now: the client does not read
        assert server.cpu_seconds() - before < 0.2
        slow.sendall(b"ignored" * 100)
        slow.shutdown(socket.SHUT_WR)
        assert len(read_to_end(slow)) <= 64 * MIB


@mechanisms
def test_one_shot_reply_survives_unread_input(mechanism: str) -> None:
    """Closing with unread input would reset the line away."""
    with serving(mechanism, "--service", "daytime", "-v") as server:
        with connect(server) as client:
            client.sendall(b"who asked?" * 10_000)
            line = read_to_end(client)
            assert line.endswith(b"-UTC\r\n")
            client.sendall(b"more")
        with connect(server) as client:
            assert read_to_end(client).endswith(b"-UTC\r\n")
            server.logged(r"closed \S+ \(timeout\)")  # it never ends its side: one second, then it is closed
        server.logged(r"closed \S+ \(FIN\)")
        assert "(RST)" not in server.log


@mechanisms
def test_an_answer_given_only_at_the_end_is_whole(mechanism: str) -> None:
    text = os.urandom(2 * MIB)
    with serving(mechanism, "whole", module="tests.twisted_impl.odd") as server, connect(server) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"all of it: " + text


@mechanisms
@pytest.mark.parametrize("session", ["raises-at-once", "raises-on-data", "raises-on-eof", "raises-on-output"])
def test_a_raising_session_ends_its_own_connection_only(mechanism: str, session: str) -> None:
    with (
        serving(mechanism, session, module="tests.twisted_impl.odd") as server,
        connect(server) as victim,
        connect(server) as witness,
    ):
        assert echoes(witness, b"before")
        victim.sendall(b"!")
        if session == "raises-on-eof":
            victim.shutdown(socket.SHUT_WR)
        assert read_to_end(victim) == (b"" if session in {"raises-at-once", "raises-on-data"} else b"!")
        assert echoes(witness, b"after")
        server.logged(r"session of \S+ failed: RuntimeError: a bad")
        assert "Traceback" not in server.log


@pytest.mark.parametrize("mechanism", ["epoll", "poll", "select"])
def test_the_reactor_is_the_one_named(mechanism: str) -> None:
    with serving(mechanism, "names-its-reactor", module="tests.twisted_impl.odd") as server, connect(server) as client:
        assert read_to_end(client).lower() == f"{mechanism}reactor".encode()
