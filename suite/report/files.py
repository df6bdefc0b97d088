"""The reports that go to files, as one consumer of events."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from suite.errors import HarnessError, UsageError
from suite.events import Event, RunFinished
from suite.report.as_json import JsonReport
from suite.report.junit import JunitReport
from suite.report.ndjson import NdjsonReport

__all__ = ("FileReports",)


class FileReports:
    """Writes what the options ask for.

    One report that cannot be written any more ends neither the run nor the others; it is told at the end.

    Args:
        options: with json, ndjson, junit_xml, html and strict.
        families: the families' names, in order.
        about: by check id, its requirement, its source, and a known real bug like it.
        counted: kinds of target whose result counts for the exit code; empty means all.
        again: by target, what returns the command that runs a check on it again.

    Raises:
        UsageError: a file cannot be written, or is named twice.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        families: Sequence[str],
        about: Mapping[str, tuple[str, str, str]],
        counted: frozenset[str],
        again: Mapping[str, Callable[[str], str]] = MappingProxyType({}),
    ) -> None:
        self._error: HarnessError | None = None
        self._reports: list[Callable[[Event], None]] = []
        paths = [path for path in (options.json, options.ndjson, options.junit_xml, options.html) if path is not None]
        for path in paths:
            if (path.is_file() or not path.exists()) and sum(_same(path, other) for other in paths) > 1:
                raise UsageError(f"two reports cannot share the file {path}; name another for one of them")
        if options.json is not None:
            self._reports.append(JsonReport(options.json))
        if options.ndjson is not None:
            self._reports.append(NdjsonReport(options.ndjson))
        if options.junit_xml is not None:
            self._reports.append(JunitReport(options.junit_xml, about, strict=options.strict, counted=counted))
        if options.html is not None:
            from suite.report.html import HtmlReport  # noqa: PLC0415 - jinja2 takes 50 ms that only a page pays

            self._reports.append(HtmlReport(options.html, families, about, counted=counted, again=again))

    def __bool__(self) -> bool:
        """Whether there is any that can be written still."""
        return bool(self._reports)

    def __call__(self, event: Event) -> None:
        """Take one event.

        Raises:
            HarnessError: a report could not be written; said when the run is over.
        """
        for report in list(self._reports):
            try:
                report(event)
            except HarnessError as error:
                self._error = self._error or error
                self._reports.remove(report)
        if isinstance(event, RunFinished) and self._error is not None:
            raise self._error


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
