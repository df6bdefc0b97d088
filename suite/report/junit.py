"""JUnit XML, for CI services: a testsuite a target, a testcase a check.

There is no standard. Written is what the schema of Jenkins' xUnit plug-in (junit-10.xsd) allows and the readers of
GitHub, GitLab and Jenkins understand. The file is red exactly when the exit code is not 0:

    FAIL, UNSTABLE, WARN under --strict     failure
    ERROR                                   error
    SKIPPED, INCONCLUSIVE                   skipped
    PASS, INFO, WARN                        passed; what was seen is in system-out

A target that ended without a verdict, or dead, and shows no failure of a check for it, gets a testcase "verdict" with
an error, and so does each stale line of a baseline in a testsuite "baseline", and in a testsuite "run" an end with
another exit code than 0 that nothing else shows. What does not count for the exit code (peers in `all --peers`,
failures that the baseline expects) is skipped, not failed.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from suite import __version__
from suite.events import CheckResult, Event, RunFinished, RunStarted, TargetFinished, TargetResult, Verdict
from suite.report.as_json import environment
from suite.report.file import ReportFile
from suite.report.words import evidence, visible

__all__ = ("JunitReport",)

_OUTCOMES = {
    Verdict.FAIL: "failure",
    Verdict.UNSTABLE: "failure",
    Verdict.ERROR: "error",
    Verdict.SKIPPED: "skipped",
    Verdict.INCONCLUSIVE: "skipped",
}
_RED = ("failure", "error")


class JunitReport:
    """Writes the whole run when it is over.

    Args:
        path: where.
        about: by check id, its requirement, its source, and a known real bug like it.
        strict: a failed SHOULD counts.
        counted: kinds of target whose result counts for the exit code; empty means all.

    Raises:
        UsageError: the file cannot be written; said before anything runs.
    """

    def __init__(
        self, path: Path, about: Mapping[str, tuple[str, str, str]], *, strict: bool, counted: frozenset[str]
    ) -> None:
        self._file = ReportFile(path, "--junit-xml")
        self._about = about
        self._strict = strict
        self._counted = counted
        self._root = Element("testsuites", name="suite check")
        self._properties: dict[str, object] = {}

    def __call__(self, event: Event) -> None:
        """Take one event.

        Raises:
            HarnessError: the file cannot be written any more.
        """
        match event:
            case RunStarted():
                where = environment()
                self._properties = {
                    "suite.version": __version__, "seed": event.seed, "service": event.service, "profile": event.profile,
                    "python": where["python"], "kernel": where["kernel"],
                }  # fmt: skip
            case TargetFinished():
                self._suite(event.result, counts=not self._counted or event.kind in self._counted)
            case RunFinished():
                if event.stale:
                    self._extra("baseline", event.stale, "stale")
                if event.exit and not _red(self._root):  # interrupted while something ran that does not count
                    self._extra("run", [f"ended with exit code {event.exit}"], "no-verdict")
                _count(self._root, event.seconds)
                indent(self._root)
                text = tostring(self._root, encoding="unicode")
                self._file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')
                self._file.close()

    def _suite(self, target: TargetResult, *, counts: bool) -> None:
        began = datetime.now(UTC) - timedelta(seconds=target.seconds)
        suite = SubElement(
            self._root,
            "testsuite",
            name=visible(target.target),
            timestamp=began.isoformat(timespec="seconds").removesuffix("+00:00"),
            hostname="localhost",  # the schema's word for "not told": a report may be published
        )
        properties = SubElement(suite, "properties")
        capabilities = {f"capability.{name}": value for name, value in target.capabilities.items()}
        known = self._properties | {"address": target.address, "verdict": target.verdict} | capabilities
        for name, value in known.items():
            SubElement(properties, "property", name=name, value=visible(str(value)))
        for result in target.checks:
            self._case(suite, target.target, result, counts=counts)
        if target.exit and counts and not _red(suite):
            case = SubElement(suite, "testcase", name="verdict", classname=visible(target.target), time="0.000")
            why = target.note or "fewer than 90 % of the selected MUST checks reached a verdict"
            SubElement(case, "error", type=target.verdict, message=visible(why))
        _count(suite, target.seconds)

    def _extra(self, name: str, faults: Sequence[str], kind: str) -> None:
        suite = SubElement(self._root, "testsuite", name=name)
        for fault in faults:
            case = SubElement(suite, "testcase", name=visible(fault), classname=name, time="0.000")
            SubElement(case, "error", type=kind, message=visible(fault))
        _count(suite, 0.0)

    def _case(self, suite: Element, target: str, result: CheckResult, *, counts: bool) -> None:
        name = visible(f"{target}.{result.family}")
        case = SubElement(suite, "testcase", name=result.id, classname=name, time=f"{result.seconds:.3f}")
        outcome = _OUTCOMES.get(result.verdict)
        if self._strict and result.verdict is Verdict.WARN:
            outcome = "failure"
        if (not counts or result.excused) and outcome in _RED:
            outcome = "skipped"
        text = evidence(result, self._about[result.id]) if result.verdict is not Verdict.PASS else ""
        if outcome is not None:
            rate = f" {result.rate.failed}/{result.rate.runs}" if result.rate else ""
            expected = f"expected {result.excused}; " if result.excused else ""
            message = visible(f"{expected}{result.verdict}{rate}: {result.reason}")
            told = SubElement(case, outcome, type=str(result.verdict), message=message)
            if outcome in _RED:
                told.text, text = text, ""
        if text and result.verdict is not Verdict.SKIPPED:
            SubElement(case, "system-out").text = text


def _red(element: Element) -> bool:
    return any(element.find(f".//{tag}") is not None for tag in _RED)


def _count(element: Element, seconds: float) -> None:
    """Set the totals that readers show without looking at the testcases."""
    tags = {"tests": "testcase", "failures": "failure", "errors": "error"}
    if element.tag == "testsuite":  # the schema has no such attribute for all of them
        tags["skipped"] = "skipped"
    for name, tag in tags.items():
        element.set(name, str(len(list(element.iter(tag)))))
    element.set("time", f"{seconds:.3f}")
