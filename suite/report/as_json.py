"""The JSON report, format 1: a contract; fields are only ever added."""

import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite import __version__
from suite.events import CheckResult, Divergence, Event, RunFinished, RunStarted, TargetResult
from suite.report.file import ReportFile

__all__ = ("JsonReport", "check_data", "environment", "target_data")


class JsonReport:
    """Writes the whole run as one JSON file when it is over.

    Raises:
        UsageError: the file cannot be written; said before anything runs.
    """

    def __init__(self, path: Path) -> None:
        self._file = ReportFile(path, "--json")
        self._started: RunStarted | None = None

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
                "targets": [
                    target_data(target) | {"checks": [check_data(result) for result in target.checks]}
                    for target in event.targets
                ],
                "stale": list(event.stale),
                "environment": environment(),
                "exit": event.exit,
            }
            self._file.write(json.dumps(data, indent=1) + "\n")
            self._file.close()


def target_data(target: TargetResult) -> dict[str, Any]:
    """Return a target's fields but for its checks."""
    return {
        "target": target.target,
        "address": target.address,
        "verdict": target.verdict,
        "note": target.note,
        "capabilities": dict(target.capabilities),
        "seconds": round(target.seconds, 3),
    }


def check_data(result: CheckResult) -> dict[str, Any]:
    """Return a check's fields."""
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
        "note": result.note,
        "divergence": None if result.divergence is None else _divergence(result.divergence),
        "endings": {str(client): ending for client, ending in result.endings.items()},
    }


def _divergence(gap: Divergence) -> dict[str, Any]:
    return asdict(gap) | {"expected": gap.expected.hex(), "received": gap.received.hex()}


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
