"""Oracles that users bring: the examples against servers nobody here wrote, and oracles that are at fault themselves."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.cli import main
from suite.conformance import talks
from suite.conformance.dialogue import Unspecified
from suite.conformance.lawful import lawful
from suite.conformance.oracles import find
from suite.conformance.script import Op, Payload, plain
from suite.examples.redis import REDIS, Resp, command

EXAMPLES = Path(__file__).parents[2] / "suite" / "examples"
SPECIMENS = EXAMPLES.parent / "specimens"
QUICK = "pro-split,pro-half-close"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@pytest.fixture(scope="module")
def redis() -> Iterator[int]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    assert server.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            yield port
        finally:
            server.terminate()


def test_redis_itself_conforms(redis: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--service", "suite.examples.redis:REDIS", "--seed", "1", "--only", QUICK]
    assert main([*words, f"127.0.0.1:{redis}"]) == 0
    assert "conforming (2 PASS" in capsys.readouterr().out


def test_one_spoilt_reply_in_five_hundred_is_found(
    redis: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.conformance.judge.EACH", 0.5)  # that it is found is the point, not how short
    monkeypatch.setattr(
        "suite.conformance.judge.POTS", {False: 90.0, True: 90.0}
    )  # and not how fast, on a busy machine
    words = ["check", "--service", "suite.examples.redis:REDIS", "--seed", "1", "--only", "pro-pipelined", "--"]
    proxy = [sys.executable, str(EXAMPLES / "resp_proxy.py"), "{host}", "{port}", "127.0.0.1", str(redis)]
    assert main([*words, *proxy]) == 1
    out = capsys.readouterr().out
    assert "pro-pipelined:UNSTABLE" in out or "pro-pipelined:FAIL" in out


def test_a_line_protocol_on_socat_and_sed(capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("socat") is None:
        pytest.skip("socat is not installed")
    serve = "TCP-LISTEN:{port},bind={host},reuseaddr,fork,backlog=128"
    words = ["check", "--service", "suite.examples.lines:UPPER", "--seed", "1", "--only", "pro-half-close", "--"]
    assert main([*words, "socat", "-t", "5", serve, f"EXEC:{EXAMPLES / 'upper.sed'}"]) == 0
    assert "conforming (1 PASS" in capsys.readouterr().out


def test_a_fault_of_a_line_protocol_is_named_and_shown_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ["--service", "suite.examples.lines:UPPER", "--seed", "1", "--only", "pro-answers"]
    server = [sys.executable, str(SPECIMENS / "upper_forgets_z.py"), "{host}", "{port}"]
    assert main(["check", *options, "--repro-dir", str(tmp_path), "--", *server]) == 1
    assert "pro-answers:FAIL" in capsys.readouterr().out
    (file,) = tmp_path.iterdir()  # no program of its own: that would need the oracle
    assert main(["replay", str(file)]) == 1
    assert "FAILED 20/20 pro-answers" in capsys.readouterr().out


def test_redis_replies_are_those_of_its_documentation() -> None:
    talk = Resp()
    talk.receive(command(b"SET", b"k", b"10") + command(b"INCR", b"k") + command(b"GET", b"k")[:-3])
    assert bytes(talk.owed) == b"+OK\r\n:11\r\n"
    talk.receive(command(b"GET", b"k")[-3:] + command(b"DEL", b"k") + command(b"GET", b"k") + command(b"ping"))
    assert bytes(talk.owed[10:]) == b"$2\r\n11\r\n:1\r\n$-1\r\n+PONG\r\n"
    with pytest.raises(Unspecified):
        talk.receive(command(b"GET", b"other"))


def test_what_an_oracle_leaves_open_is_never_sent() -> None:
    get, put = (Payload.of(command(*words)) for words in ((b"GET", b"k"), (b"SET", b"k", b"v")))
    quits = Payload.of(command(b"QUIT"))
    ops = [Op("open", 0), *(Op("send", 0, payload) for payload in (get, put, get, quits, get)), Op("barrier", 0)]
    assert [op.payload for op in lawful(ops, REDIS)[1:-1]] == [put, get, quits]


def test_a_cut_message_is_sent_whole_unless_its_client_leaves() -> None:
    cut = Op("send", 0, Payload.of(b"abcde"), step=2, hold=1)
    for then, sent in ((Op("barrier", 0), b"abcde"), (Op("fin", 0), b"abcde"), (Op("rst", 0), b"abcd")):
        pieces = [op.payload.data for op in plain((Op("open", 0), cut, Op("pause", count=1), then)) if op.payload]
        assert pieces[:2] == [b"ab", b"cd"]
        assert b"".join(pieces) == sent


HEAD = """
import itertools
from hypothesis import strategies as st
from suite.conformance.dialogue import Dialogue, Oracle
count = itertools.count()
class One(Dialogue):
    def receive(self, data):
        BODY
ORACLE = Oracle("one", One, MESSAGES, b"x\\n")
"""


LINES = "st.integers(0, 999).map(lambda number: b'%d\\n' % number)"  # many, for few are drawn again and again


@pytest.mark.parametrize(
    ("body", "messages", "code", "says"),
    [
        ("self.owed += {}[data]", "st.just(b'x\\n')", 4, "raised KeyError"),
        ("self.owed += b'%d' % next(count)", LINES, 4, "is not deterministic"),
        ("self.owed += b'.'", LINES, 4, "depends on how what it receives is cut"),
        ("self.owed += data", "st.just('x')", 4, "draws str"),
        ("self.owed += data", "st.nothing()", 4, "lets a client send nothing at all"),
        ("raise SystemExit", LINES, 4, "raised SystemExit"),
        ("raise ValueError('two\\nlines')", LINES, 4, "raised ValueError: two lines ("),
        ("while True: pass", LINES, 4, "takes more than 0.2 s"),
        ("self.owed += data", "None", 2, "its messages must be a Hypothesis strategy"),
        ("self.owed +=", "st.just(b'x')", 2, "raised SyntaxError"),
        ("self.owed += data", "st.jist(b'x')", 2, "raised AttributeError"),
    ],
)
def test_an_oracle_at_fault_is_told_in_a_line_and_no_server_is_blamed(
    body: str,
    messages: str,
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = f"at_fault_{abs(hash((body, messages)))}"
    (tmp_path / f"{name}.py").write_text(HEAD.replace("BODY", body).replace("MESSAGES", messages))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    if "while" in body:
        monkeypatch.setattr(talks, "MOST_SECONDS", 0.2)
    target = [sys.executable, str(SPECIMENS.parent / "peers" / "asyncio_streams.py"), "{host}", "{port}"]
    assert main(["check", "--service", f"{name}:ORACLE", "--only", "pro-answers", "--", *target]) == code
    told = capsys.readouterr()
    assert says in told.out + told.err
    assert "Traceback" not in told.out + told.err
    assert "FAIL" not in told.out


def test_a_service_is_known_by_its_name_or_its_place() -> None:
    assert find("suite.examples.redis:REDIS") is REDIS
    assert REDIS.service == "suite.examples.redis:REDIS"


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (EXAMPLES.parents[1] / "docs" / "services.md").read_text()
    shown = page.partition("<!-- file: suite/examples/lines.py -->\n```python\n")[2].partition("```\n")[0]
    assert shown == (EXAMPLES / "lines.py").read_text()
    assert shown.count("\n") <= 40
