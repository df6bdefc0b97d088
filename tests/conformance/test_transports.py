"""Targets by IPv6, unix socket and TLS: what their clients observe, what is skipped, and whole checks against right and faulty servers."""

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import suite
from suite import cli
from suite.conformance import targets, zoo
from suite.conformance.address import Address, addressed
from suite.conformance.oracle import EchoOracle, findings
from suite.conformance.player import Player
from suite.conformance.script import from_json
from suite.conformance.targets import How, capabilities_of
from suite.conformance.transcript import Ending, Transcript
from suite.errors import TargetError, UsageError
from suite.events import Verdict
from suite.process import Server

ORACLE = EchoOracle()
LONG = 20.0
"""Seconds no wait in these tests should come near."""
ECHO = Path(__file__).with_name("unix_echo.py")
OF = {specimen.file: specimen for specimen in zoo.SPECIMENS}
Row = list[object]


def play(address: Address, *rows: Row, patience: float = LONG) -> Transcript:
    return Player(address, ORACLE, patience=patience).play(from_json(list(rows)))


def kinds(transcript: Transcript) -> list[str]:
    return [finding.kind for finding in findings(transcript, ORACLE)]


@contextmanager
def unix(folder: Path, *words: str) -> Iterator[str]:
    path = folder / "-".join(("socket", *words))
    command = [sys.executable, "-I", "-S", str(ECHO), str(path), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        try:
            yield f"unix:{path}"
        finally:
            process.kill()


@contextmanager
def specimen(file: str) -> Iterator[str]:
    row = OF[file]
    if reason := row.unavailable():
        pytest.skip(reason)
    with zoo.command(row) as words, Server.start(words, nofile=row.nofile) as server:
        host, port = server.address
        yield f"tls://{host}:{port}"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Right servers, by transport."""
    words = [sys.executable, "-m", "suite", "serve", "raw-epoll", "--host", "{host}", "--port", "{port}"]
    with (
        unix(tmp_path_factory.mktemp("right")) as local,
        specimen("right_tls.py") as secure,
        Server.start(words, host="::1") as six,
    ):
        yield {"unix": local, "tls": secure, "v6": f"tcp://[::1]:{six.address[1]}"}


@pytest.fixture
def right_tls(servers: dict[str, str]) -> Address:
    return addressed(servers["tls"])[0]


@contextmanager
def secure(handler: Callable[[ssl.SSLSocket], None], tmp_path: Path) -> Iterator[Address]:
    """Serve one TLS connection by `handler` in a thread."""
    key, cert = tmp_path / "key", tmp_path / "cert"
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
    ]
    try:
        subprocess.run([*words, key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            sock.settimeout(LONG)
            with context.wrap_socket(sock, server_side=True) as conn:
                handler(conn)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address(socket.AF_INET, listener.getsockname(), "localhost")
        thread.join(LONG)


HELLO: tuple[Row, ...] = (["open", 0], ["send", 0, {"hex": "68656c6c6f"}])
END: tuple[Row, ...] = (["fin", 0], ["read_eof", 0])


# TLS


@pytest.mark.parametrize("length", [1, 16_384, 300_000])
def test_half_close_survives_tls(right_tls: Address, length: int) -> None:
    transcript = play(right_tls, ["open", 0], ["send", 0, {"len": length, "seed": 1}], *END)
    talk = transcript.conversations[0]
    assert (len(talk.received), talk.ending, talk.diverged) == (length, Ending.FIN, None)
    assert transcript.facts["fin-with-data"] == 1
    assert kinds(transcript) == []


def test_so_it_does_where_the_client_does_not_read(right_tls: Address) -> None:
    narrow: Row = ["open", 0, {"narrow": True}]
    data: Row = ["send", 0, {"len": 12_000_000, "seed": 1}]
    transcript = play(right_tls, narrow, ["stall", 0], data, ["read", 0, 70_001], ["pause", 20], *END)
    talk = transcript.conversations[0]
    # What the kernel would not take when the close_notify was sent is not owed.
    assert 70_001 < len(talk.received) == len(talk.sent) < 12_000_000
    assert (talk.ending, transcript.facts["backlog"] > 0, kinds(transcript)) == (Ending.FIN, True, [])


def test_a_stalled_client_is_given_no_more_than_it_asks_for(right_tls: Address) -> None:
    # 10 bytes of a record of 16384: the rest is decrypted, and poll(2) will not tell of it.
    rows: tuple[Row, ...] = (["open", 0], ["stall", 0], ["send", 0, {"len": 50_000, "seed": 1}], ["read", 0, 10])
    transcript = play(right_tls, *rows, ["pause", 5])
    assert len(transcript.conversations[0].received) == 10
    transcript = play(right_tls, *rows, ["read", 0, 49_990], ["barrier", 0])
    assert (transcript.waits, len(transcript.conversations[0].received)) == ([], 50_016)


def echo(conn: ssl.SSLSocket, count: int) -> None:
    conn.sendall(conn.recv(65536)[:count])


@pytest.mark.parametrize(("count", "kind"), [(5, "unnotified"), (2, "truncated")])
def test_a_bare_fin_is_no_end(tmp_path: Path, count: int, kind: str) -> None:
    def serve(conn: ssl.SSLSocket) -> None:
        echo(conn, count)
        assert conn.recv(1) == b""

    with secure(serve, tmp_path) as address:
        transcript = play(address, *HELLO, *END)
    assert transcript.conversations[0].ending is Ending.CUT
    assert kinds(transcript) == [kind]


def test_before_the_client_has_finished_it_is_an_early_end_too(tmp_path: Path) -> None:
    with secure(lambda conn: echo(conn, 5), tmp_path) as address:
        transcript = play(address, *HELLO, ["pause", 100])
    (finding,) = findings(transcript, ORACLE)
    assert (finding.kind, finding.actual) == ("early-fin", "FIN without close_notify after 5 bytes")


def test_a_reset_below_tls_is_a_reset(tmp_path: Path) -> None:
    def serve(conn: ssl.SSLSocket) -> None:
        echo(conn, 2)
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with secure(serve, tmp_path) as address:
        transcript = play(address, *HELLO, ["read", 0, 5])
    assert transcript.conversations[0].ending is Ending.RST
    assert kinds(transcript) == ["lost"]


def test_a_client_without_tls_is_owed_an_end(right_tls: Address) -> None:
    transcript = play(right_tls, ["open", 0, {"raw": True}], *HELLO[1:], ["read_eof", 0], ["barrier"])
    assert transcript.conversations[0].ending is not Ending.OPEN
    assert (transcript.waits, kinds(transcript)) == ([], [])


def test_a_server_without_tls_is_told_so(servers: dict[str, str]) -> None:
    where = servers["v6"].replace("tcp", "tls")
    with pytest.raises(TargetError, match="unexpected message"):
        suite.check(where, only="fid-one-byte")


# Unix sockets


def test_a_full_accept_queue_is_waited_for(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        player = Player(Address(socket.AF_UNIX, path), ORACLE, patience=LONG)
        opens: list[Row] = [["open", client] for client in range(5)]
        hasty: list[Row] = [[*row, {"hasty": True}] for row in opens]
        full = player.play(from_json([*hasty, ["pause", 20]]))
        assert [talk.ending for talk in full.conversations.values()] == [Ending.OPEN] * 5
        listener.settimeout(LONG)
        held: list[socket.socket] = []
        late = threading.Timer(0.05, lambda: held.extend(listener.accept()[0] for _ in range(5)))
        late.start()
        assert player.play(from_json(opens)).completed
        late.join(LONG)
    for sock in held:
        sock.close()


@pytest.mark.parametrize(("rows", "count"), [([], 0), ([["stall", 0], *HELLO[1:], ["read", 0, 1]], 1)])
def test_without_unread_bytes_nothing_resets_it(servers: dict[str, str], rows: list[Row], count: int) -> None:
    transcript = play(addressed(servers["unix"])[0], ["open", 0], *rows, ["rst", 0])
    assert transcript.facts["reset"] == count


def test_its_end_with_unread_bytes_is_a_reset(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            conn, _ = listener.accept()
            conn.sendall(conn.recv(2))
            conn.close()

        thread = threading.Thread(target=serve)
        thread.start()
        transcript = play(Address(socket.AF_UNIX, path), *HELLO, ["read", 0, 5])
        thread.join(LONG)
    talk = transcript.conversations[0]
    assert (bytes(talk.received), talk.ending) == (b"he", Ending.RST)


# Addresses


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("127.0.0.1:7", "127.0.0.1:7"),
        ("tcp://[::1]:7", "[::1]:7"),
        ("tls://[::1]:7", "tls://[::1]:7"),
        ("tls://127.0.0.1:7", "tls://127.0.0.1:7"),
    ],
)
def test_an_address_is_written_as_it_is_read(text: str, written: str) -> None:
    assert str(addressed(text)[0]) == written


def test_an_unusable_path_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, why in (("nosuch", "no such socket"), ("file", "it is no socket")):
        with pytest.raises(TargetError, match=why):
            addressed(f"unix:{tmp_path / name}")
    with pytest.raises(UsageError, match="at most 107 bytes"):
        addressed("unix:/tmp/" + "x" * 103)
    with pytest.raises(UsageError, match="give unix:/path"):
        addressed("unix:")


def test_the_process_behind_a_unix_socket_may_be_named(servers: dict[str, str]) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other,
        targets.parse(servers["unix"], None, How(pid=other.pid)) as target,
    ):
        other.kill()
        assert [need for need in ("pid", "launch", "tcp", "reset", "tls") if target.offers(need)] == ["pid"]


# Whole checks

SOME = """
    fid-one-byte fid-all-bytes seg-split hc-immediate hc-clean-end dis-abandon-echo dis-during-accept rst-idle
    rst-pending con-idle-holder bp-resume oob-stream tls
"""
PLAIN = ["tls-close-notify", "tls-truncation", "tls-plaintext", "tls-stalled-handshake"]
SKIPPED = {
    "v6": PLAIN,
    "unix": ["dis-during-accept", "rst-idle", "oob-stream", *PLAIN],
    "tls": ["dis-during-accept", "oob-stream"],
}


@pytest.mark.parametrize("transport", ["v6", "unix", "tls"])
def test_right_servers_pass_and_what_cannot_be_tried_is_skipped(servers: dict[str, str], transport: str) -> None:
    report = suite.check(servers[transport], only=SOME.replace("\n", " ").split(), seed=1)
    verdicts = {check.id: check.verdict for check in report.checks if check.verdict is not Verdict.PASS}
    assert verdicts == dict.fromkeys(SKIPPED[transport], Verdict.SKIPPED), report
    assert report.exit == 0


def test_a_tail_lost_on_a_unix_socket_is_found_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    with unix(tmp_path, "loses-tail") as where:
        assert cli.main(["check", where, "--only", "hc-immediate", "--seed", "1", "--repro-dir", out]) == 1
        (path,) = (tmp_path / "out").glob("*.json")
        data = json.loads(path.read_text())
        assert data["finding"]["kind"] == "truncated"
        assert data["one_liner"] == f"printf '\\000' | nc -N -U {where[5:]} | od -An -tx1 -v"
        assert not path.with_suffix(".py").exists()
        capsys.readouterr()
        assert cli.main(["replay", str(path)]) == 1
        assert cli.main(["replay", str(path), where]) == 1
    assert capsys.readouterr().out.count("FAILED 20/20") == 2


def test_who_cannot_half_close_under_tls_declares_it() -> None:
    only = ("fid-all-bytes", "hc-immediate", "hc-idle", "hc-clean-end", "dis-fin")
    with specimen("tls_discards_at_end.py") as where:
        report = suite.check(where, only=only, capabilities="no-half-close", seed=1)
    verdicts = {check.id: check.verdict for check in report.checks}
    assert verdicts == dict.fromkeys(only, Verdict.PASS) | {"hc-immediate": Verdict.SKIPPED}
    assert capabilities_of(["no-half-close"]) == suite.registry.Capabilities(no_half_close=True)
