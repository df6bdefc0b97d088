"""What the player observes, and never merges; the canary; and whose fault something is."""

import resource
import socket
import threading
from contextlib import closing

import pytest

from suite.conformance.address import Address
from suite.conformance.oracle import findings
from suite.conformance.player import Player
from suite.conformance.transcript import Canary, Ending
from suite.errors import HarnessError
from tests.conformance.playing import (
    HELLO,
    LONG,
    ORACLE,
    Handler,
    descriptors,
    echo,
    exactly,
    kinds,
    play,
    reset,
    script,
    serving,
    silent,
)

# Five observations, never merged: data, FIN, RST, nothing yet, refused.


def test_data_and_the_connection_stays_open() -> None:
    with serving(echo) as address:
        transcript = play(address, *HELLO, ["read", 0, 5])
    talk = transcript.conversations[0]
    assert (bytes(talk.sent), bytes(talk.received), talk.ending) == (b"hello", b"hello", Ending.OPEN)
    assert transcript.completed
    assert kinds(transcript) == []


def test_fin() -> None:
    def hangs_up(conn: socket.socket) -> None:
        conn.sendall(exactly(conn, 5)[:2])

    with serving(hangs_up) as address:
        transcript = play(address, *HELLO, ["read", 0, 5])
    talk = transcript.conversations[0]
    assert (bytes(talk.received), talk.ending, talk.sent_at_end) == (b"he", Ending.FIN, 5)
    assert transcript.waits == []
    assert kinds(transcript) == ["truncated"]


def test_fin_before_the_client_has_finished() -> None:
    with serving(lambda conn: conn.sendall(exactly(conn, 5))) as address:
        transcript = play(address, *HELLO, ["read", 0, 5], ["pause", 100])
    assert transcript.conversations[0].ending is Ending.FIN
    assert kinds(transcript) == ["early-fin"]


def test_rst_keeps_the_data_that_came_before() -> None:
    def resets(conn: socket.socket) -> None:
        conn.sendall(exactly(conn, 5)[:2])
        exactly(conn, 1)
        reset(conn)

    with serving(resets) as address:
        transcript = play(address, *HELLO, ["read", 0, 2], ["send", 0, {"hex": "21"}], ["read", 0, 4])
    talk = transcript.conversations[0]
    assert (bytes(talk.received), talk.ending, talk.sent_at_end) == (b"he", Ending.RST, 6)
    assert transcript.waits == []
    assert kinds(transcript) == ["lost"]


def test_rst_after_everything_is_no_loss() -> None:
    def resets(conn: socket.socket) -> None:
        conn.sendall(exactly(conn, 5))
        assert conn.recv(1) == b""
        reset(conn)

    with serving(resets) as address:
        transcript = play(address, *HELLO, ["read", 0, 5], ["fin", 0], ["read_eof", 0])
    assert transcript.conversations[0].ending is Ending.RST
    assert kinds(transcript) == ["reset"]


def test_rst_that_only_sending_tells_is_no_fin() -> None:
    closed = threading.Event()

    def hangs_up(conn: socket.socket) -> None:
        conn.close()
        closed.set()

    with serving(hangs_up) as address:
        player = Player(address, ORACLE, patience=LONG)
        # The first bytes meet a closed socket, whose RST makes the later send fail: EPIPE, and recv shows a bare end.
        rows = (["open", 0], ["stall", 0], ["send", 0, {"hex": "00"}], ["pause", 100], ["send", 0, {"hex": "01"}])
        transcript = player.play(script(*rows, ["read", 0, 2]))
    assert closed.is_set()
    assert transcript.conversations[0].ending is Ending.RST


def test_nothing_yet() -> None:
    with serving(silent) as address:
        transcript = play(address, *HELLO, ["read", 0, 5], ["send", 0, {"hex": "00"}], patience=0.1)
    talk = transcript.conversations[0]
    assert (bytes(talk.received), talk.ending) == (b"", Ending.OPEN)
    (wait,) = transcript.waits
    assert (wait.client, wait.what, wait.missing) == (0, "read", 5)
    assert bytes(talk.sent) == b"hello"  # the script stopped there
    assert kinds(transcript) == ["stalled"]


def test_no_end_yet() -> None:
    def never_closes(conn: socket.socket) -> None:
        conn.sendall(exactly(conn, 5))
        assert over.wait(LONG)

    over = threading.Event()
    with serving(never_closes) as address:
        transcript = play(address, *HELLO, ["fin", 0], ["read_eof", 0], patience=0.1)
        over.set()
    assert bytes(transcript.conversations[0].received) == b"hello"
    (wait,) = transcript.waits
    assert (wait.what, wait.missing) == ("read_eof", 0)
    assert kinds(transcript) == ["no-fin"]


def test_refused() -> None:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        transcript = play(Address(socket.AF_INET, bound.getsockname()), *HELLO, ["read", 0, 5])
    talk = transcript.conversations[0]
    assert (bytes(talk.sent), talk.ending) == (b"", Ending.REFUSED)
    assert [moment.what for moment in transcript.moments] == ["refused"]
    assert kinds(transcript) == ["refused"]


def test_wrong_bytes_stop_the_script_at_the_first() -> None:
    with serving(lambda conn: conn.sendall(exactly(conn, 5).replace(b"l", b"L"))) as address:
        transcript = play(address, *HELLO, ["read", 0, 5], ["send", 0, {"hex": "00"}])
    talk = transcript.conversations[0]
    assert (talk.diverged, bytes(talk.sent)) == (2, b"hello")
    assert kinds(transcript) == ["wrong"]


def test_another_clients_bytes_are_called_foreign() -> None:
    first: list[bytes] = []

    def repeats_the_first(conn: socket.socket) -> None:
        first.append(exactly(conn, 16))
        conn.sendall(first[0])
        silent(conn)

    with serving(repeats_the_first) as address:
        rows: list[list[object]] = [["open", 0], ["send", 0, {"len": 16, "seed": 1}], ["read", 0, 16]]
        transcript = play(address, *rows, ["open", 1], ["send", 1, {"len": 16, "seed": 2}], ["read", 1, 16])
    (finding,) = findings(transcript, ORACLE)
    assert (finding.kind, finding.client) == ("foreign", 1)
    assert "sent by client 0" in finding.actual


def test_a_clients_own_bytes_are_not_called_foreign_where_another_sent_the_same() -> None:
    def loses_the_first(conn: socket.socket) -> None:
        conn.sendall(exactly(conn, 32)[1:])
        silent(conn)

    with serving(loses_the_first) as address:
        same = {"len": 32, "seed": 1}
        transcript = play(address, ["open", 0], ["send", 0, same], ["open", 1], ["send", 1, same], ["read", 0, 32])
    assert kinds(transcript)[0] == "wrong"


# The canary.


@pytest.mark.parametrize(
    ("handler", "result"),
    [
        (echo, Canary.OK),
        (silent, Canary.SILENT),
        (lambda conn: conn.sendall(exactly(conn, 16).upper()[::-1]), Canary.WRONG),
        (lambda conn: exactly(conn, 16), Canary.ENDED),
        (reset, Canary.ENDED),
    ],
    ids=["echo", "silent", "wrong", "fin", "rst"],
)
def test_canary(handler: Handler, result: Canary) -> None:
    with serving(handler) as address:
        player = Player(address, ORACLE, patience=LONG)
        seen, seconds = player.canary(0.3 if result is Canary.SILENT else None)
    assert seen is result
    assert 0 < seconds < LONG
    assert player.patience == LONG


def test_a_reset_that_comes_with_the_handshake_is_a_reset_and_no_refusal() -> None:
    with serving(reset) as address:
        player = Player(address, ORACLE, patience=LONG)
        assert {player.canary()[0] for _ in range(300)} == {Canary.ENDED}
        endings = {play(address, ["open", 0], ["fin", 0], ["read_eof", 0]).conversations[0].ending for _ in range(300)}
    assert endings == {Ending.RST}


def test_canary_refused() -> None:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        assert Player(Address(socket.AF_INET, bound.getsockname()), ORACLE).canary()[0] is Canary.REFUSED


def test_nonces_are_lines_of_sixteen_bytes_that_differ() -> None:
    player = Player(Address(socket.AF_INET, ("127.0.0.1", 9)), ORACLE)
    nonces = [player.nonce() for _ in range(100)]
    assert len(set(nonces)) == 100
    assert all(len(nonce) == 16 and nonce.endswith(b"\n") and nonce.isascii() for nonce in nonces)


# Whose fault it is.


def test_our_own_lack_of_descriptors_is_no_finding() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = script(*(["open", client] for client in range(10)))
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:  # connecting needs no accept(2)
        player = Player(Address(socket.AF_INET, listener.getsockname()), ORACLE, patience=LONG)
        held = descriptors()
        with closing(socket.socket()) as probe:
            lowest = probe.fileno()  # open(2): the lowest number free
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 3, before[1]))
        try:
            with pytest.raises(HarnessError, match="ulimit -n"):
                player.play(many)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert descriptors() == held
        assert player.play(many).completed


def test_an_address_without_a_way_to_it_is_unanswered_and_not_refused() -> None:
    # The limited broadcast address (RFC 919 section 7) is nobody's: TCP has no way there.
    transcript = play(Address(socket.AF_INET, ("255.255.255.255", 9)), ["open", 0])
    assert transcript.conversations[0].ending is Ending.UNANSWERED
    assert kinds(transcript) == ["unaccepted"]
