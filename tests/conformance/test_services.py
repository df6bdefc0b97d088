"""The oracles of the small services against the RFCs' words, and each service's check against one-fault servers."""

import sys
from pathlib import Path

import pytest

from suite import conformance
from suite.conformance import engine
from suite.conformance.checks import catalogue, select
from suite.conformance.oracles import Daytime, Discard, Quote, Time, find
from suite.conformance.targets import How, command, of_variant
from suite.events import CheckResult, TargetFinished, Verdict
from suite.registry import find as variant

SPECIMENS = Path(conformance.__file__).parents[1] / "specimens"
EPOCH_2004 = 1_072_915_200  # 2004-01-01; RFC 868's own example: 3,281,904,000 would be that date since 1900


def test_the_time_is_counted_from_1900() -> None:
    assert Time(lambda: EPOCH_2004).mismatch((3_281_904_000).to_bytes(4, "big"), 0, ended=True) is None
    # RFC 868: "the time 1 is 12:00:01 am on 1 January 1900 GMT"; 2,208,988,800 is 1970-01-01.
    assert Time(lambda: 0).mismatch((2_208_988_800).to_bytes(4, "big"), 0, ended=True) is None


@pytest.mark.parametrize(("seconds", "wrong"), [(0, False), (9, False), (-9, False), (12, True), (-12, True)])
def test_some_seconds_are_tolerated_also_across_the_wrap_of_2036(seconds: int, wrong: bool) -> None:
    for now in (EPOCH_2004, 2**32 - 2_208_988_800, 2**32 - 2_208_988_800 + 5):  # the second is 2036-02-07 06:28:16
        answer = ((now + seconds + 2_208_988_800) % 2**32).to_bytes(4, "big")
        assert (Time(lambda now=now: now).mismatch(answer, 0, ended=True) is not None) is wrong  # type: ignore[misc]


@pytest.mark.parametrize(
    ("answer", "at", "reading"),
    [
        (EPOCH_2004.to_bytes(4, "big"), 0, "the seconds since 1970"),
        ((3_281_904_000).to_bytes(4, "little"), 0, "the least significant byte first"),
        (b"\xc3\x9d", 2, ""),
        ((3_281_904_000).to_bytes(4, "big") + b"\0", 4, ""),
    ],
)
def test_wrong_times_are_recognised(answer: bytes, at: int, reading: str) -> None:
    talk = Time(lambda: EPOCH_2004)
    assert talk.mismatch(answer, 0, ended=True) == at
    assert not reading or talk.reading(answer) == reading


@pytest.mark.parametrize(
    ("line", "at"),
    [
        (b"Tuesday, February 22, 1982 17:37:43-PST\r\n", None),  # the RFC's own examples
        (b"02 FEB 82 07:59:01 PST\r\n", None),
        (b"1982-02-22", None),
        (b"", 0),
        (b"\r\n", 2),
        (b"now\r\nand then\r\n", 5),
        (b"now\nand then", 4),
        (b"caf\xe9\r\n", 3),
        (b"now\0", 3),
    ],
)
def test_daytime_is_one_line_of_ascii(line: bytes, at: int | None) -> None:
    assert Daytime().mismatch(line, 0, ended=True) == at
    steps = [Daytime().mismatch(line[: end + 1], end, ended=False) for end in range(len(line))]
    assert next((step for step in steps if step is not None), None) == (at if at != len(line) else None)


def test_who_closes_and_who_is_owed_nothing() -> None:
    assert Quote().closes
    assert Quote().mismatch(b"", 0, ended=True) == 0
    assert Quote().mismatch(b"", 0, ended=False) is None
    silent = Discard()
    silent.receive(b"anything")
    assert not silent.owed
    assert not silent.closes


def judged(service: str, only: tuple[str, ...], file: str = "", row: str = "") -> dict[str, CheckResult]:
    oracle = find(service)
    words = [sys.executable, str(SPECIMENS / file), "{host}", "{port}"]
    how = How(oracle=oracle)
    target = of_variant(variant(row), None, how) if row else command(words, None, how)
    finished: list[TargetFinished] = []

    def emit(event: object) -> None:
        if isinstance(event, TargetFinished):
            finished.append(event)

    engine.run([target], select(only, (), oracle), engine.Options(seed=1, fail_fast=True), emit)
    return {row.id: row for row in finished[0].result.checks}


def test_a_fault_is_named_by_what_it_looks_like() -> None:
    result = judged("time", ("time-epoch",), "time_unix_epoch.py")["time-epoch"]
    assert result.verdict is Verdict.FAIL
    assert "the seconds since 1970" in (result.actual or "")
    assert list(result.script or ()) == [["open", 0], ["read_eof", 0]]


@pytest.mark.parametrize("service", ["chargen", "qotd", "daytime", "time"])
def test_our_own_pass(service: str) -> None:
    assert {row.verdict for row in judged(service, (), row="raw-epoll").values()} == {Verdict.PASS}


def test_checks_of_other_services_do_not_run() -> None:
    assert {check.family for check in select((), (), find("time"))} == {"services"}
    assert {check.family for check in select((), (), find("discard"))} == {"services", "protocol"}
    echo = {check.family for check in select((), (), find("echo"))}
    assert not echo & {"services", "protocol"}
    assert len(select((), (), find("echo"))) < len(catalogue())
