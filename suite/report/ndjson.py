"""The event stream: one JSON object a line, written as it happens. Format 1: fields are only ever added.

Every line has "format", "event" and "time" (UTC, ISO 8601); the other fields are those of the event's name:

    run-started      tool version service seed profile targets environment
    target-started   target kind checks
    progress         target check doing done; at most one a second
    check-finished   target check, an object as in the JSON report
    target-finished  kind exit, and the fields of the JSON report's target but for its checks
    run-finished     exit interrupted seconds stale
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from suite import __version__
from suite.events import CheckFinished, Event, Progress, RunFinished, RunStarted, TargetFinished, TargetStarted
from suite.report.as_json import check_data, environment, target_data
from suite.report.file import ReportFile

__all__ = ("NdjsonReport",)

EVERY = 1.0
"""Seconds between two progress lines: a sign of life, and no more."""


class NdjsonReport:
    """Writes each event when it happens.

    Raises:
        UsageError: the file cannot be written; said before anything runs.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = ReportFile(path, "--ndjson")
        self._clock = clock
        self._next = 0.0

    def __call__(self, event: Event) -> None:
        """Take one event.

        Raises:
            HarnessError: it cannot be written any more.
        """
        match event:
            case RunStarted():
                self._say("run-started", tool="suite", version=__version__, **asdict(event), environment=environment())
            case TargetStarted():
                self._say("target-started", **asdict(event))
            case Progress():
                if self._clock() >= self._next:
                    self._next = self._clock() + EVERY
                    self._say("progress", **asdict(event))
            case CheckFinished():
                self._say("check-finished", target=event.target, check=check_data(event.result))
            case TargetFinished():
                self._say("target-finished", **target_data(event.result), kind=event.kind, exit=event.result.exit)
            case RunFinished():
                fields = {"exit": event.exit, "interrupted": event.interrupted, "stale": list(event.stale)}
                self._say("run-finished", **fields, seconds=round(event.seconds, 3))
                self._file.close()

    def _say(self, name: str, **fields: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._file.write(json.dumps({"format": 1, "event": name, "time": now, **fields}) + "\n")
