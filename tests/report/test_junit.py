"""JUnit XML, read back by somebody else's parser, and red exactly when the exit code is."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from suite.events import Event, TargetResult
from suite.report.junit import JunitReport
from tests.report.samples import ABOUT, BAD, FAILED, FEW, GONE, PASSED, WARNED, run_of


def write(
    path: Path, events: Sequence[Event], *, strict: bool = False, counted: frozenset[str] = frozenset()
) -> JUnitXml:
    report = JunitReport(path, ABOUT, strict=strict, counted=counted)
    for event in events:
        report(event)
    return JUnitXml.fromfile(str(path))


def outcomes(suite: TestSuite) -> dict[str, list[type]]:
    cases: list[TestCase] = list(suite)
    return {str(case.name): [type(result) for result in case.result] for case in cases}


def test_a_suite_a_target_and_a_case_a_check(tmp_path: Path) -> None:
    xml = write(tmp_path / "r.xml", run_of(BAD, FEW))
    bad, few = xml
    assert (xml.tests, xml.failures, xml.errors, xml.time) == (6, 1, 0, 3.25)
    assert (bad.name, bad.tests, bad.failures, bad.skipped, bad.time) == ("bad <b>server</b>", 3, 1, 0, 2.0)
    assert outcomes(bad) == {"fid-one": [], "hc-one": [Failure], "hc-soft": []}
    assert outcomes(few) == {"fid-one": [], "hc-one": [Skipped], "hc-soft": [Skipped]}
    properties = {row.name: row.value for row in few.properties()}  # type: ignore[no-untyped-call]
    assert (properties["seed"], properties["capability.max-clients"], properties["capability.polls"]) == (
        "42",
        "1",
        "True",
    )
    case = next(case for case in bad if case.name == "hc-one")
    assert (case.classname, case.time) == ("bad <b>server</b>.half-close", 1.5)


def test_a_failure_tells_everything_and_hides_nothing(tmp_path: Path) -> None:
    xml = write(tmp_path / "r.xml", run_of(BAD))
    ((failure,),) = (case.result for suite in xml for case in suite if case.name == "hc-one")
    assert failure.message.startswith("FAIL 19/20: open(0): </failure>]]><script>")
    assert r"\x1b[31m\x00\u202e\udc80 &amp; {{ 7 * 7 }}" in failure.message
    for piece in (
        "It comes back.", "RFC 9293", "a known bug", "2 bytes", "failed 19 of 20 runs",
        '[["open", 0], ["send", 0, {"hex": "00"}], ["pause", 5]]', "client 1, offset 10",
        "- 00000008  08 09 0a 0b 0c 0d 0e 0f", "+ 00000008  08 09 41 ·· ··", "client 1: RST",
        "1.50 ms  client 0  fin", r"client 1  </failure>]]><script>document.title='taken'</script>\x1b[31m", "canary    refused",
        "  out/hc-one.json\n  out/hc-one.py\n  printf x | nc -N {host} {port}",
    ):  # fmt: skip
        assert piece in failure.text


def test_a_warning_passes_and_is_told(tmp_path: Path) -> None:
    xml = write(tmp_path / "r.xml", run_of(BAD))
    case = next(case for suite in xml for case in suite if case.name == "hc-soft")
    assert case.is_passed
    assert "rude" in str(case.system_out)


def test_the_elements_are_those_of_the_common_schema(tmp_path: Path) -> None:
    # As junit-10.xsd of Jenkins' xUnit plug-in has them, and no more.
    allowed = {
        "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
        "testsuite": (
            {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
            {"properties", "testcase"},
        ),
        "properties": (set[str](), {"property"}),
        "property": ({"name", "value"}, set[str]()),
        "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped", "system-out"}),
        **{name: ({"type", "message"}, set[str]()) for name in ("failure", "error", "skipped")},
        "system-out": (set[str](), set[str]()),
    }
    write(tmp_path / "r.xml", run_of(BAD, FEW, GONE, exit_code=3))
    root = ET.parse(tmp_path / "r.xml").getroot()
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = allowed[element.tag]
        assert set(element.attrib) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
        if element.tag == "testcase":
            assert set(element.attrib) == attributes
            assert sum(child.tag != "system-out" for child in element) <= 1


INTERRUPTED = replace(FEW, verdict="no-verdict", exit=130, note="interrupted")
THIN = replace(FEW, verdict="no-verdict", exit=3)
SOFT = replace(BAD, checks=(PASSED, WARNED), exit=0, verdict="conforming")


@pytest.mark.parametrize(
    ("target", "says"),
    [(GONE, "connection refused"), (INTERRUPTED, "interrupted"), (THIN, "fewer than 90 %")],
)
def test_no_verdict_is_red(target: TargetResult, says: str, tmp_path: Path) -> None:
    (suite,) = write(tmp_path / "r.xml", run_of(target, exit_code=target.exit))
    assert (suite.errors, suite.failures) == (1, 0)
    (error,) = next(case for case in suite if case.name == "verdict").result
    assert isinstance(error, Error)
    assert says in error.message


@pytest.mark.parametrize(("strict", "exit_code", "failures"), [(False, 0, 0), (True, 1, 1)])
def test_red_follows_strict(tmp_path: Path, *, strict: bool, exit_code: int, failures: int) -> None:
    target = replace(SOFT, exit=exit_code)
    xml = write(tmp_path / "r.xml", run_of(target, exit_code=exit_code), strict=strict)
    assert (xml.failures, xml.errors) == (failures, 0)


def test_what_does_not_count_is_skipped_and_told(tmp_path: Path) -> None:
    xml = write(tmp_path / "r.xml", run_of(BAD, GONE, kind="peer", exit_code=0), counted=frozenset({"own"}))
    assert (xml.failures, xml.errors, sum(suite.skipped for suite in xml)) == (0, 0, 4)
    case = next(case for suite in xml for case in suite if case.name == "hc-one")
    assert case.is_skipped
    assert "19 of 20" in str(case.system_out)


def test_what_a_baseline_expects_is_skipped_and_what_is_wrong_with_it_is_red(tmp_path: Path) -> None:
    expected = replace(BAD, checks=(PASSED, replace(FAILED, excused="until 2030-01-01: issue 1")), exit=0)
    xml = write(tmp_path / "r.xml", run_of(expected, stale=("hc-soft: it passed",)))
    suite, baseline = xml
    assert (xml.failures, xml.errors, suite.skipped) == (0, 1, 1)
    ((skipped,),) = (case.result for case in suite if case.name == "hc-one")
    assert skipped.message.startswith("expected until 2030-01-01: issue 1; FAIL 19/20: ")
    assert outcomes(baseline) == {"hc-soft: it passed": [Error]}


def test_an_end_that_nothing_else_shows_is_red(tmp_path: Path) -> None:
    events = run_of(BAD, kind="peer", exit_code=130, interrupted=True)
    _, run = write(tmp_path / "r.xml", events, counted=frozenset({"own"}))
    assert outcomes(run) == {"ended with exit code 130": [Error]}
