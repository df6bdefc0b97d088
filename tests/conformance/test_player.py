"""The player against small hand-made servers: what clients do, what it asks of the kernel, how scripts share the time."""

import socket
import threading
import time

import pytest

from suite.conformance.address import Address
from suite.conformance.link import BACKLOG_NARROW
from suite.conformance.player import Player
from suite.conformance.script import Op, Payload
from suite.conformance.transcript import Ending
from tests.conformance.playing import (
    HELLO,
    LONG,
    ORACLE,
    echo,
    exactly,
    kinds,
    play,
    script,
    serving,
    silent,
)

# Reading, stalling, narrow windows.


def test_a_stalled_client_takes_what_it_asks_for_and_no_more() -> None:
    with serving(echo) as address:
        player = Player(address, ORACLE, patience=LONG)
        stalled = (["open", 0], ["stall", 0], ["send", 0, {"len": 100, "seed": 1}], ["read", 0, 7], ["pause", 50])
        assert len(player.play(script(*stalled)).conversations[0].received) == 7
        transcript = player.play(script(*stalled, ["read", 0, 20], ["pause", 20]))
        assert len(transcript.conversations[0].received) == 27
        eager = player.play(script(["open", 0], *stalled[2:]))
        assert len(eager.conversations[0].received) == 100


def test_a_barrier_waits_for_all_that_was_sent_and_ends_a_stall() -> None:
    with serving(echo) as address:
        transcript = play(address, ["open", 0], ["stall", 0], ["send", 0, {"len": 300_000, "seed": 1}], ["barrier", 0])
    talk = transcript.conversations[0]
    assert len(talk.received) == 300_016
    assert talk.received[-1:] == b"\n"


def _accepted(narrow: bool) -> int:
    """Return how many bytes a server's kernel accepts for a client that does not read."""
    taken: list[int] = []
    done = threading.Event()

    def fills(conn: socket.socket) -> None:
        exactly(conn, 1)
        conn.setblocking(False)
        total, still = 0, time.monotonic()
        while time.monotonic() - still < 0.05:
            try:
                total += conn.send(bytes(65536))
                still = time.monotonic()
            except BlockingIOError:
                time.sleep(0.001)
        taken.append(total)
        done.set()

    with serving(fills) as address:
        options: list[object] = [{"narrow": True}] if narrow else []
        player = Player(address, ORACLE, patience=LONG)
        player.play(script(["open", 0, *options], ["stall", 0], ["send", 0, {"hex": "00"}], ["pause", 1000]))
        assert done.wait(LONG)
    return taken[0]


def test_a_narrow_client_makes_a_server_wait_with_kilobytes_owed() -> None:
    narrow, usual = _accepted(narrow=True), _accepted(narrow=False)
    assert 0 < narrow < BACKLOG_NARROW < 1 << 20 < usual


def test_a_backlog_is_noted_as_reached() -> None:
    with serving(echo) as address:
        rows = (["open", 0, {"narrow": True}], ["stall", 0], ["send", 0, {"len": BACKLOG_NARROW + 1, "seed": 1}])
        reached = play(address, *rows, ["read", 0, 1])
        short = play(address, *rows[:2], ["send", 0, {"len": 1000, "seed": 1}], ["read", 0, 1])
    assert (reached.facts["backlog"], short.facts["backlog"]) == (1, 0)


# Ends.


def test_fin_drops_what_the_kernel_will_not_take() -> None:
    go = threading.Event()
    counted: list[int] = []

    def reads_late(conn: socket.socket) -> None:
        assert go.wait(LONG)
        total = 0
        while data := conn.recv(1 << 20):
            total += len(data)
        counted.append(total)

    with serving(reads_late) as address:
        player = Player(address, ORACLE, patience=LONG)
        size = 64 << 20
        begun = time.monotonic()
        transcript = player.play((Op("open", 0), Op("stall", 0), Op("send", 0, Payload.random(size, 1)), Op("fin", 0)))
        assert time.monotonic() - begun < LONG / 2
        go.set()
    sent = len(transcript.conversations[0].sent)
    assert 0 < sent < size
    assert counted == [sent]


def test_fin_comes_after_what_the_kernel_takes_in_time() -> None:
    counted: list[int] = []

    def counts(conn: socket.socket) -> None:
        total = 0
        while data := conn.recv(1 << 20):
            total += len(data)
        counted.append(total)

    size = 24 << 20
    with serving(counts) as address:
        transcript = play(address, ["open", 0], ["stall", 0], ["send", 0, {"len": size, "seed": 1}], ["fin", 0])
    assert len(transcript.conversations[0].sent) == size
    assert counted == [size]
    assert transcript.facts["fin-with-data"] == 1


@pytest.mark.parametrize(("kind", "seen"), [("rst", "reset"), ("close", "end")])
def test_rst_and_close_are_what_they_say(kind: str, seen: str) -> None:
    saw: list[str] = []

    def looks(conn: socket.socket) -> None:
        exactly(conn, 5)
        try:
            saw.append("end" if conn.recv(1) == b"" else "data")
        except ConnectionResetError:
            saw.append("reset")

    with serving(looks) as address:
        transcript = play(address, *HELLO, ["pause", 20], [kind, 0])
    assert saw == [seen]
    assert transcript.facts["reset"] == (kind == "rst")
    assert transcript.facts["unread-close"] == 1


def test_clients_left_open_are_closed_at_the_end_without_a_reset() -> None:
    ends: list[bytes] = []

    def looks(conn: socket.socket) -> None:
        exactly(conn, 5)
        ends.append(conn.recv(1))

    with serving(looks) as address:
        play(address, *HELLO)
    assert ends == [b""]


def test_the_same_port_again_after_a_reset() -> None:
    ports: list[int] = []

    def notes(conn: socket.socket) -> None:
        ports.append(conn.getpeername()[1])
        echo(conn)

    hello = ["send", 0, {"hex": "00"}], ["read", 0, 1], ["rst", 0]
    with serving(notes) as address:
        # Connections of other programs, in TIME_WAIT, may hold the port; it is then replaced, and that is not counted.
        for _ in range(100):
            ports.clear()
            again: list[object] = ["open", 1, {"same_port_as": 0}]
            transcript = play(address, ["open", 0], *hello, again, ["send", 1, {"hex": "01"}], ["read", 1, 1])
            assert transcript.completed
            assert transcript.facts["port-reused"] == (ports[0] == ports[1])
            if transcript.facts["port-reused"]:
                break
        else:
            pytest.fail("no port could be had again")
        ports.clear()
        other = play(address, ["open", 0], *hello, ["open", 1], ["send", 1, {"hex": "01"}], ["read", 1, 1])
    assert other.facts["port-reused"] == 0
    assert ports[0] != ports[1]


def test_a_port_that_cannot_be_had_again_is_replaced_and_not_counted() -> None:
    with serving(echo) as address:
        # Client 0 still holds its port. A script from elsewhere may ask for this; ours never do.
        transcript = play(
            address, ["open", 0], ["open", 1, {"same_port_as": 0}], ["send", 1, {"hex": "00"}], ["read", 1, 1]
        )
    assert transcript.completed
    assert transcript.facts["port-reused"] == 0
    assert transcript.facts["active"] == 2


# Time.


def test_scripts_played_together_overlap_their_waits() -> None:
    with serving(echo) as address:
        player = Player(address, ORACLE, patience=LONG)
        one = script(["open", 0], ["pause", 400], ["send", 0, {"hex": "00"}], ["read", 0, 1])
        begun = time.monotonic()
        transcripts = player.play_together([one] * 10)
        took = time.monotonic() - begun
    assert [transcript.completed for transcript in transcripts] == [True] * 10
    assert min(transcript.seconds for transcript in transcripts) >= 0.4
    assert took < 10 * 0.4 / 2


def test_played_together_one_failure_is_nobody_elses() -> None:
    rows = (["open", 0], ["send", 0, {"hex": "00"}], ["read", 0, 1])
    with serving(silent, echo) as address:
        player = Player(address, ORACLE, patience=0.2)
        first, second = player.play_together([script(*rows), script(["pause", 50], *rows)])
    assert (kinds(first), kinds(second)) == (["stalled"], [])


def test_a_wait_starts_anew_while_bytes_move() -> None:
    def trickles(conn: socket.socket) -> None:
        for byte in exactly(conn, 12):
            time.sleep(0.1)
            conn.sendall(bytes([byte]))

    with serving(trickles) as address:
        transcript = play(address, ["open", 0], ["send", 0, {"len": 12, "seed": 1}], ["read", 0, 12], patience=0.6)
    assert transcript.seconds > 1.0
    assert transcript.completed


def test_a_script_that_is_cut_as_too_slow_lets_the_next_be_cut_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.conformance.player.SHORTEST", 0.05)
    longest = []
    with serving(echo) as address:
        player = Player(address, ORACLE)
        player.longest = 0.16
        for pause in (1, 200, 200, 200):
            transcript = player.play(script(["open", 0], ["pause", pause], ["send", 0, {"hex": "00"}], ["read", 0, 1]))
            longest.append((transcript.slow, player.longest))
    assert longest == [(False, 0.16), (True, 0.08), (True, 0.05), (True, 0.05)]


def test_a_transfer_that_moves_too_slowly_is_slow_and_not_wrong() -> None:
    def trickles(conn: socket.socket) -> None:
        for byte in exactly(conn, 1000):
            time.sleep(0.01)
            conn.sendall(bytes([byte]))

    with serving(trickles) as address:
        player = Player(address, ORACLE, patience=1.5, cap=0.4)
        begun = time.monotonic()
        transcript = player.play(script(["open", 0], ["send", 0, {"len": 1000, "seed": 1}], ["read", 0, 1000]))
        took = time.monotonic() - begun
    # A wait never ends before the patience of a silent one.
    assert 1.4 < took < 8
    assert transcript.slow
    assert not transcript.completed
    assert transcript.waits == []
    assert kinds(transcript) == []


def test_how_far_others_overtook_a_client() -> None:
    served = threading.Event()

    def bulk(conn: socket.socket) -> None:
        conn.sendall(exactly(conn, 200_000))
        served.set()
        silent(conn)

    def waits(conn: socket.socket) -> None:
        data = exactly(conn, 5)
        assert served.wait(LONG)
        time.sleep(0.1)
        conn.sendall(data)
        silent(conn)

    with serving(bulk, waits) as address:
        rows: list[list[object]] = [["open", 0], ["open", 1], ["send", 0, {"len": 200_000, "seed": 1}]]
        transcript = play(address, *rows, ["send", 1, {"len": 5, "seed": 2}], ["read", 1, 5])
    assert transcript.overtaken == {1: 200_000}
    assert len(transcript.latencies[1]) == 1
    assert transcript.latencies[1][0] >= 0.1


def test_after_a_connect_that_had_to_be_repeated_it_connects_fewer_in_a_row() -> None:
    player = Player(Address(socket.AF_INET, ("127.0.0.1", 9)), ORACLE)
    assert not any(player.paced(connects) for connects in range(1, 100))
    batches = []
    for _ in range(4):
        player.overrun()
        batches.append(next(connects for connects in range(1, 100) if player.paced(connects)))
    assert batches == [4, 2, 1, 1]


def test_an_overrun_accept_queue_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        player = Player(Address(socket.AF_INET, listener.getsockname()), ORACLE, patience=LONG)

        def accepts_late() -> None:
            time.sleep(0.3)
            for _ in range(3):
                listener.accept()[0].close()

        thread = threading.Thread(target=accepts_late)
        thread.start()
        transcript = player.play(script(["open", 0], ["open", 1], ["open", 2]))
        thread.join(LONG)
    assert all(talk.ending is not Ending.UNANSWERED for talk in transcript.conversations.values())
    assert player.paced(4)
