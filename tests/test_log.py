import re
import subprocess
import sys
import time

import pytest

from suite.log import Throttle, peername

STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")

WORDS = """
import sys
from suite import log
log.set_up(verbose=sys.argv[1] == "-v")
print(log.verbose())
log.listening(("127.0.0.1", 7788))
log.connected(("127.0.0.1", 40001))
log.received(("127.0.0.1", 40001), 5)
log.closed(("127.0.0.1", 40001), "FIN")
log.refused(("::1", 40002, 0, 0), "out of descriptors")
log.trouble("accept", "accept failed", error=OSError(24, "Too many open files"))
log.trouble("session", "a session failed")
"""


def run(code: str, *arguments: str) -> tuple[str, list[str]]:
    """Run a program; return its stdout, and the lines of its stderr without their time stamps."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    lines = done.stderr.splitlines()
    assert [line for line in lines if not STAMP.match(line)] == []
    return done.stdout, [STAMP.sub("", line) for line in lines]


TROUBLE = ["accept failed: OSError: [Errno 24] Too many open files", "a session failed"]


def test_the_words_are_shown_when_asked_for() -> None:
    assert run(WORDS, "-v") == (
        "True\n",
        [
            "listening 127.0.0.1:7788",
            "connected 127.0.0.1:40001",
            "received 5 bytes from 127.0.0.1:40001",
            "closed 127.0.0.1:40001 (FIN)",
            "refused [::1]:40002: out of descriptors",
            *TROUBLE,
        ],
    )


def test_trouble_is_shown_always() -> None:
    assert run(WORDS, "-") == ("False\n", TROUBLE)


def test_trouble_is_one_line_a_second_for_each_kind() -> None:
    code = """
import time
from suite import log
log.set_up(verbose=False)
told = 0
def tell():
    global told
    told += 1
    log.trouble("accept", "accept failed")
    log.trouble("session", "a session failed")
tell()
end = time.monotonic() + 1
while time.monotonic() < end:
    tell()
tell()
print(told)
"""
    out, lines = run(code)
    first, second = lines[:2], sorted(lines[2:])  # either may come first: their seconds end microseconds apart
    assert first == ["accept failed", "a session failed"]
    assert [re.sub(r"\d+", "N", line) for line in second] == sorted(f"{line} (N more like it)" for line in first)
    assert all(0 < int(re.findall(r"\d+", line)[0]) < int(out) for line in second)


def test_a_throttle_lets_one_through_an_interval_and_counts_the_rest() -> None:
    throttle = Throttle(0.05)
    start = time.monotonic()
    assert throttle.admit() == 0
    suppressed = 0
    while (admitted := throttle.admit()) is None:
        suppressed += 1
        assert time.monotonic() < start + 10
    assert time.monotonic() - start >= 0.05
    assert admitted == suppressed > 0


def test_a_throttle_starts_open_and_then_holds() -> None:
    throttle = Throttle(3600)
    assert [throttle.admit() for _ in range(4)] == [0, None, None, None]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (("127.0.0.1", 7), "127.0.0.1:7"),
        (("localhost", 0), "localhost:0"),
        (("::1", 7, 0, 0), "[::1]:7"),
        (("fe80::1%lo", 7, 0, 1), "[fe80::1%lo]:7"),
        ("/run/echo.sock", "/run/echo.sock"),
        ("", "unix"),
    ],
)
def test_names_of_peers(address: object, name: str) -> None:
    assert peername(address) == name
