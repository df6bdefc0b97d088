"""The JSON report, format 1: a contract; fields are only ever added."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite import __version__
from suite.errors import HarnessError, UsageError
from suite.events import CheckResult, Event, RunFinished, RunStarted, TargetResult

__all__ = ("JsonReport", "environment")


class JsonReport:
    """Writes the whole run as one JSON file when it is over.

    Raises:
        UsageError: the file cannot be written; said before anything runs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started: RunStarted | None = None
        try:
            path.open("a").close()
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}; choose another --json FILE") from None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self._started = event
        elif isinstance(event, RunFinished) and self._started is not None:
            data = {
                "format": 1,
                "tool": "suite",
                "version": __version__,
                "seed": self._started.seed,
                "profile": self._started.profile,
                "service": self._started.service,
                "targets": _targets(event.targets),
                "stale": list(event.stale),
                "environment": environment(),
                "exit": event.exit,
            }
            try:
                self._path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
            except OSError as error:
                raise HarnessError(f"cannot write {self._path}: {error.strerror}") from None


def _targets(targets: Sequence[TargetResult]) -> list[dict[str, Any]]:
    return [
        {
            "target": target.target,
            "address": target.address,
            "verdict": target.verdict,
            "note": target.note,
            "capabilities": dict(target.capabilities),
            "seconds": round(target.seconds, 3),
            "checks": [_check(result) for result in target.checks],
        }
        for target in targets
    ]


def _check(result: CheckResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "family": result.family,
        "level": result.level,
        "verdict": result.verdict,
        "reason": result.reason,
        "expected": result.expected,
        "actual": result.actual,
        "script": None if result.script is None else list(result.script),
        "rate": None if result.rate is None else asdict(result.rate),
        "repro": None if result.repro is None else asdict(result.repro),
        "excused": result.excused or None,
        "timeline": [asdict(moment) for moment in result.timeline],
        "premises": dict(result.premises),
        "scripts": result.scripts,
        "seconds": round(result.seconds, 3),
    }


def environment() -> dict[str, Any]:
    """Describe where this ran."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "load": list(os.getloadavg()),
    }
