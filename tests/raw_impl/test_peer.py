"""One connection over real sockets: what it waits for after each turn, what it holds, how it ends."""

import logging
import select
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw_impl._peer import EXPIRED, GONE, IN, OUT
from suite import log
from suite.launch import READ_SIZE, Limits
from suite.services.echo import Echo
from suite.session import Session
from tests.raw_impl.pair import LIMITS, Clumsy, Endless, Messages, OneShot, Pair


@pytest.fixture(autouse=True)
def _each_test_logs_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_throttles", {})


def ended(pair: Pair) -> bool:
    return pair.peer.interest == GONE and pair.peer.sock.fileno() == -1


# -- the usual --------------------------------------------------------------------------------------------------------


def test_a_message_is_answered_in_its_own_turn_and_only_input_is_waited_for() -> None:
    with Pair(Echo) as pair:
        assert pair.peer.interest == IN
        pair.client.sendall(b"hello")
        pair.turn()
        assert pair.peer.interest == IN
        assert pair.client.recv(100) == b"hello"


def test_a_turn_with_nothing_to_do_says_so_and_any_other_does_not() -> None:
    with Pair(Echo) as pair:
        assert not pair.peer.turn(IN)
        pair.client.sendall(b"hello")
        pair.client.shutdown(socket.SHUT_WR)
        select.select([pair.peer.sock], [], [], 10)
        assert pair.peer.turn(IN)
        assert pair.peer.turn(IN)  # its FIN
        assert ended(pair)
        assert not pair.peer.turn(pair.peer.interest)


def test_one_turn_reads_once() -> None:
    with Pair(Messages) as pair:
        pair.client.sendall(bytes(3 * READ_SIZE))
        pair.turn()
        session = pair.peer._session
        assert isinstance(session, Messages)
        assert len(session.inputs) == 1
        assert len(session.inputs[0]) <= READ_SIZE


@given(st.lists(st.one_of(st.binary(max_size=200_000), st.integers(1, 200_000)), max_size=12))
def test_every_byte_comes_back_in_order_whatever_the_order_of_things(steps: list[bytes | int]) -> None:
    """A bytes step is sent, an int step reads as much as there is of so many; turns fall in between as they will."""
    with Pair(Echo, Limits(high_water=1000)) as pair:
        pair.client.setblocking(False)
        sent, got = bytearray(), bytearray()
        for step in steps:
            try:
                if isinstance(step, int):
                    got += pair.client.recv(step)
                else:
                    sent += step[: pair.client.send(step)] if step else b""
            except BlockingIOError:
                pass
            pair.turn(0.0)
        pair.client.settimeout(10)
        pair.client.shutdown(socket.SHUT_WR)
        while pair.peer.interest != GONE:
            pair.turn(0.0)
            pair.client.setblocking(False)
            try:
                got += pair.client.recv(1 << 20)
            except BlockingIOError:
                pass
        pair.client.settimeout(10)
        while data := pair.client.recv(1 << 20):
            got += data
        assert got == sent


# -- a client that does not read --------------------------------------------------------------------------------------


def test_a_client_that_does_not_read_is_not_read_from_and_loses_nothing() -> None:
    with Pair(Echo) as pair:
        sent = pair.stuff()
        assert pair.peer.interest == OUT
        assert len(pair.peer._out) <= LIMITS.high_water + READ_SIZE
        assert sent < 64 << 20
        got = 0
        while got < sent:
            got += len(pair.client.recv(1 << 20))
            pair.run()
        assert pair.peer.interest == IN
        assert not pair.peer._out


def test_below_the_mark_a_client_with_unsent_output_is_still_read_from() -> None:
    with Pair(Echo, Limits(high_water=64 << 20)) as pair:
        pair.stuff()
        assert pair.peer.interest == IN | OUT


def test_after_the_fin_of_a_late_reader_only_room_is_waited_for_until_all_is_flushed() -> None:
    with Pair(Echo) as pair:
        sent = pair.stuff()
        pair.client.shutdown(socket.SHUT_WR)
        got, interests = 0, set()
        while data := pair.client.recv(1 << 20):
            got += len(data)
            pair.run()
            interests.add(pair.peer.interest)
        assert got == sent
        assert ended(pair)
        assert interests <= {IN | OUT, OUT, IN, GONE}


def test_a_reset_is_noticed_while_only_room_is_waited_for() -> None:
    with Pair(Echo) as pair:
        pair.stuff()
        assert pair.peer.interest == OUT
        pair.reset()
        pair.turn()
        assert ended(pair)


def test_on_a_blocking_socket_a_send_does_not_wait() -> None:
    with Pair(Echo, blocking=True) as pair:
        assert pair.stuff() < 64 << 20
        assert pair.peer.interest == OUT
    with Pair(Endless, blocking=True) as pair:
        for _ in range(1000):
            if not pair.peer.turn(OUT):
                break
        else:
            pytest.fail("32 MB were taken by a client that does not read")
        assert pair.peer.interest == IN | OUT


# -- a session with output of its own ---------------------------------------------------------------------------------


def test_own_output_is_pulled_one_piece_a_turn_and_not_while_there_is_no_room() -> None:
    with Pair(Endless) as pair:
        session = pair.peer._session
        assert isinstance(session, Endless)
        assert (pair.peer.interest, session.pulled) == (IN | OUT, 0)
        pair.turn()
        piece = session.pulled
        assert 0 < piece < LIMITS.high_water
        assert len(pair.client.recv(piece, socket.MSG_WAITALL)) == piece
        pair.run()
        while pair.peer.turn(OUT):  # to the last byte: poll(2) calls a third of the buffer room, send(2) any of it
            pass
        before = session.pulled
        assert not pair.peer.turn(OUT)
        assert session.pulled == before
        assert len(pair.peer._out) <= piece


@pytest.mark.parametrize("high_water", [1, 2, 100_000])
def test_the_fin_of_a_client_that_does_not_read_an_endless_answer_is_read(high_water: int) -> None:
    with Pair(Endless, Limits(high_water=high_water)) as pair:
        for _ in range(300):
            pair.turn(0.0)
        pair.client.sendall(b"thrown away")
        pair.client.shutdown(socket.SHUT_WR)
        while pair.peer.interest & IN:
            pair.turn(0.0)
        session = pair.peer._session
        while pair.peer.interest != GONE and pair.client.recv(1 << 20):
            pair.run()
        assert ended(pair)
        assert not session.has_output


def test_a_reset_ends_an_endless_answer() -> None:
    with Pair(Endless) as pair:
        pair.run()
        pair.reset()
        pair.turn()
        assert ended(pair)


def test_a_session_that_takes_no_input_is_not_given_any_while_it_has_output() -> None:
    with Pair(lambda: Messages(bytes(10_000_000))) as pair:
        session = pair.peer._session
        assert isinstance(session, Messages)
        session.can_receive = False
        pair.run()
        assert pair.peer.interest == OUT
        pair.client.sendall(b"later")
        pair.run()
        assert session.inputs == []
        session.can_receive = True
        got = 0
        while got < 10_000_000:
            got += len(pair.client.recv(1 << 20))
            pair.run()
        assert session.inputs == [b"later"]


# -- the end ----------------------------------------------------------------------------------------------------------


def test_a_finished_session_sends_fin_and_waits_for_the_clients_discarding_input() -> None:
    with Pair(lambda: OneShot(b"the time")) as pair:
        pair.client.sendall(b"junk" * 100_000)
        pair.run()
        assert pair.client.recv(100) == b"the time"
        assert pair.client.recv(100) == b""  # FIN, and no RST for the junk
        assert pair.peer.interest == IN
        assert list(pair.shared.lingering) == [pair.peer]
        pair.client.sendall(b"more")
        pair.run()
        assert pair.peer.interest == IN
        pair.client.close()
        pair.run()
        assert ended(pair)


def test_a_finished_session_waits_no_longer_than_its_deadline() -> None:
    with Pair(lambda: OneShot(b"the time")) as pair:
        pair.run()
        assert pair.peer.deadline > 0
        pair.peer.turn(EXPIRED)
        assert ended(pair)


def test_a_client_that_ends_first_is_owed_the_message_all_the_same() -> None:
    with Pair(lambda: OneShot(bytes(8_000_000))) as pair:
        pair.client.shutdown(socket.SHUT_WR)
        got = 0
        while pair.peer.interest != GONE:
            pair.run()
            got += len(pair.client.recv(1 << 20))
        while data := pair.client.recv(1 << 20):
            got += len(data)
        assert got == 8_000_000
        assert not pair.shared.lingering


@pytest.mark.parametrize("moment", ["new", "data", "eof", "pull"])
def test_a_session_that_raises_ends_its_connection_and_says_why(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    def new_session() -> Session:
        if moment == "new":
            raise ZeroDivisionError("clumsy")
        return Clumsy(b"x" if moment == "pull" else b"")

    with Pair(new_session) as pair:
        if moment == "data":
            pair.client.sendall(b"data")
        if moment == "eof":
            pair.client.shutdown(socket.SHUT_WR)
        if moment != "new":
            pair.turn()
        assert ended(pair)
        assert pair.client.recv(100) == b""
    assert ["ZeroDivisionError: clumsy" in message for message in caplog.messages] == [True]


def test_it_says_the_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "suite.server"):
        with Pair(Echo) as pair:
            pair.client.sendall(b"hello")
            pair.turn()
            pair.client.close()
            pair.run()
        with Pair(Echo) as pair:
            pair.reset()
            pair.run()
        with Pair(lambda: OneShot(b"x")) as pair:
            pair.run()
            pair.peer.turn(EXPIRED)
    assert caplog.messages == [
        "received 5 bytes from 192.0.2.1:4242",
        "closed 192.0.2.1:4242 (RST)",  # it was closed with the echo unread
        "closed 192.0.2.1:4242 (RST)",
        "closed 192.0.2.1:4242 (timeout)",
    ]
