"""The stand-alone programs and shell lines: they show the fault on a faulty server, and blame no right one."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from suite import ports, registry
from suite.conformance.checks import find
from suite.conformance.script import Op, Payload, Script, from_json
from suite.conformance.standalone import MOST_LINES, one_liner, program
from suite.events import Finding
from suite.process import Server, command_of

SPECIMENS = Path(registry.__file__).parent / "specimens"
BYTE = {"hex": "00"}
LINE = {"hex": "610d620a"}
IMMEDIATE = [["open", 0], ["send", 0, BYTE], ["fin", 0], ["read_eof", 0]]
SHOWN = (
    ("strips_cr", "fid-all-bytes", "wrong", [["open", 0], ["send", 0, LINE], ["read", 0, 4]], "[0d 62 0a] at offset 1; got [62 0a]"),
    ("eof_drops_reply", "hc-immediate", "truncated", IMMEDIATE, "1 bytes, then FIN; got 0 bytes, then FIN"),
    ("linger_zero", "hc-clean-end", "reset", IMMEDIATE, "got 1 bytes, then RST"),
    ("greeting_banner", "fid-empty", "extra", [["open", 0], ["pause", 100]], "offset 0; got [68 65 6c 6c 6f 0a]"),
    ("waits_for_more", "seg-small-latency", "stalled", [["open", 0], ["send", 0, BYTE], ["read", 0, 1]], "got 0 bytes, then nothing"),
    ("waits_for_more", "chu-burst", "stalled", [["open", 0, {"hasty": True}], ["send", 0, BYTE], ["read", 0, 1]], "got 0 bytes, then nothing"),
    ("one_shot", "hc-no-early-fin", "early-fin", [["open", 0], ["send", 0, BYTE], ["read", 0, 1], ["pause", 100]], "got 1 bytes, then FIN"),
    ("ignores_eof", "hc-idle", "no-fin", IMMEDIATE, "got 1 bytes, then nothing"),
    ("rst_kills_server", "rst-idle", "died", [["open", 0], ["send", 0, BYTE], ["read", 0, 1], ["rst", 0], ["pause", 100]], "then "),
)  # fmt: skip
"""Specimen, check, kind of finding, script, and the words that the program must say."""

# Every operation and option there is; a right server passes it.
EVERYTHING = from_json([
    ["open", 0, {"narrow": True}], ["stall", 0], ["send", 0, {"len": 200_000, "seed": 5}], ["pause", 20], ["read", 0, 150_000],
    ["open", 1], ["send", 1, BYTE], ["barrier", 1], ["rst", 1], ["open", 2, {"same_port_as": 1}], ["send", 2, BYTE], ["read", 2, 1],
    ["barrier"], ["close", 2], ["open", 3], ["send", 3, {"len": 3_000_000, "seed": 6}], ["fin", 3], ["read_eof", 3], ["barrier", 0],
    ["open", 4, {"hasty": True}], ["send", 4, BYTE], ["read", 4, 1],
])  # fmt: skip


def written(folder: Path, check: str, kind: str, script: Script, *, afresh: bool = False) -> Path:
    text = program(find(check), Finding(kind, 0, "", "", hard=True), script, "echo", 0.6, afresh=afresh)
    assert text is not None
    path = folder / "alone.py"
    path.write_text(text)
    return path


def run(path: Path, host: str, port: int) -> tuple[int, str]:
    # -I: what of ours may be installed is out of reach.
    words = [sys.executable, "-I", str(path), host, str(port)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def right() -> Iterator[tuple[str, int]]:
    with Server.start(command_of(registry.find("raw-epoll"))) as server:
        yield server.address


@pytest.mark.parametrize(
    ("specimen", "check", "kind", "rows", "words"), SHOWN, ids=[f"{row[0]}-{row[1]}" for row in SHOWN]
)
def test_a_fault_is_shown_and_a_right_server_is_not_blamed(
    specimen: str, check: str, kind: str, rows: list[list[object]], words: str, tmp_path: Path, right: tuple[str, int]
) -> None:
    path = written(tmp_path, check, kind, from_json(rows), afresh=True)
    with Server.start([sys.executable, str(SPECIMENS / f"{specimen}.py"), "{host}", "{port}"]) as server:
        code, said = run(path, *server.address)
    assert (code, said.count("\n")) == (1, 1), said
    assert words in said
    assert run(path, *right) == (0, "the fault did not show\n")


@pytest.mark.parametrize("kind", ["stalled", "unbounded"])
def test_every_operation_fits_into_less_than_sixty_lines(kind: str, tmp_path: Path, right: tuple[str, int]) -> None:
    path = written(tmp_path, "bp-bounded" if kind == "unbounded" else "bp-generated", kind, EVERYTHING)
    assert len(path.read_text().splitlines()) <= MOST_LINES < 60
    assert run(path, *right) == (0, "the fault did not show\n")


def test_an_absence_counts_once_it_has_shown_twice(tmp_path: Path) -> None:
    # The second connection of this server's life hangs, the third does not: only a fresh server shows that.
    script = from_json([["open", 0], ["send", 0, BYTE], ["read", 0, 1], ["open", 1], ["send", 1, LINE], ["read", 1, 4]])
    for afresh, wanted in ((False, 0), (True, 1)):
        path = written(tmp_path, "fid-one-byte", "stalled", script, afresh=afresh)
        with Server.start([sys.executable, str(SPECIMENS / "second_connection.py"), "{host}", "{port}"]) as server:
            assert run(path, *server.address)[0] == wanted


def test_nothing_listens(tmp_path: Path) -> None:
    path = written(tmp_path, "hc-immediate", "truncated", from_json(IMMEDIATE))
    code, said = run(path, "127.0.0.1", ports.free_port("127.0.0.1"))
    assert code == 3
    assert said.startswith("no verdict: cannot connect to 127.0.0.1 port")


def test_what_only_the_tool_can_do_makes_no_program() -> None:
    finding = Finding("wrong", 0, "", "", hard=True)
    for script, service in (((Op("open", 0), Op("measure")), "echo"), ((Op("open", 0),), "daytime")):
        assert program(find("hc-immediate"), finding, script, service, 1.0, afresh=False) is None


@pytest.mark.parametrize("every", [bytes(range(256)), b"-n", b"--"])
def test_the_shell_line_sends_exactly_the_bytes(every: bytes) -> None:
    line = one_liner((Op("open", 0), Op("send", 0, Payload.of(every)), Op("fin", 0), Op("read_eof", 0)), "localhost 7")
    assert line is not None
    printf = line.removesuffix(" | nc -N localhost 7 | od -An -tx1 -v")
    assert printf != line
    assert subprocess.run(["sh", "-c", printf], capture_output=True, check=True).stdout == every


@pytest.mark.parametrize(
    "rows",
    [
        [["open", 0], ["send", 0, BYTE], ["read", 0, 1]],
        [["open", 0, {"narrow": True}], ["send", 0, BYTE], ["fin", 0]],
        [["open", 0], ["send", 0, {"len": 257, "seed": 1}], ["fin", 0]],
        [["open", 0], ["open", 1], ["send", 0, BYTE], ["fin", 0]],
    ],
)
def test_no_shell_line_for_more_than_it_can_do(rows: list[list[object]]) -> None:
    assert one_liner(from_json(rows)) is None
