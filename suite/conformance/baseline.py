"""The baseline: failures that are known and accepted for a while, each with a reason and a day on which that ends.

A TOML file, because people write it by hand: it has comments and dates, and the standard library reads it.

    [[expected]]
    id = "bp-bounded"
    target = "twisted-wire"      # optional: every target
    reason = "upstream issue 8868"
    expires = 2027-06-30
    sometimes = true             # optional: a race, which may also pass
"""

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from suite.conformance.checks import catalogue
from suite.errors import UsageError
from suite.events import CheckResult, TargetResult, Verdict

__all__ = ("Baseline",)

_FAILED = (Verdict.FAIL, Verdict.UNSTABLE, Verdict.WARN)
_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "id": (str, "a text"),
    "target": (str, "a text"),
    "reason": (str, "a text"),
    "expires": ((date, str), "a day, like 2030-12-31"),
    "sometimes": (bool, "true or false"),
}


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    target: str
    reason: str
    expires: date | None
    sometimes: bool

    def fits(self, target: str, check: str) -> bool:
        return self.id == check and self.target in ("", target)

    def __str__(self) -> str:
        return self.id + (f" on {self.target}" if self.target else "")


class Baseline:
    """What is expected to fail.

    Args:
        entries: the tables of the file.
        today: the day on which entries are judged.
    """

    def __init__(self, entries: Sequence[_Entry], today: date | None = None) -> None:
        self._today = today or datetime.now(tz=UTC).date()
        self._valid = [entry for entry in entries if self._fault(entry) is None]
        self._faults = [fault for entry in entries if (fault := self._fault(entry)) is not None]
        twice = (entry for entry, count in Counter((row.id, row.target) for row in entries).items() if count > 1)
        self._faults += [
            f"{check}{f' on {target}' * bool(target)} is listed twice; keep one entry" for check, target in twice
        ]

    @classmethod
    def load(cls, path: Path, today: date | None = None) -> Self:
        """Read a file.

        Raises:
            UsageError: it cannot be read, or is no baseline.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}; give --baseline an existing file") from None
        except (ValueError, RecursionError) as error:  # TOML or UTF-8
            raise UsageError(f"{path} is no baseline: {' '.join(str(error).split())}; it is a TOML file") from None
        rows = data.pop("expected", [])
        if data or not isinstance(rows, list):
            what = next(iter(data), "expected")
            raise UsageError(f"{path} is no baseline: {what!r} does not belong there; it is a list of [[expected]]")
        return cls([_entry(row, f"{path}: entry {number}") for number, row in enumerate(rows, 1)], today)

    def excuse(self, target: str, result: CheckResult) -> CheckResult:
        """Mark a failure that is expected."""
        if result.verdict in _FAILED:
            for entry in self._valid:
                if entry.fits(target, result.id):
                    return replace(result, excused=f"until {entry.expires}: {entry.reason}")
        return result

    def stale(self, results: Sequence[TargetResult]) -> tuple[str, ...]:
        """Say what is wrong with the baseline itself, one line each; what did not run says nothing."""
        faults = list(self._faults)
        for entry in self._valid:
            verdicts = [
                result.verdict for target in results for result in target.checks if entry.fits(target.target, result.id)
            ]
            if Verdict.PASS in verdicts and not any(verdict in _FAILED for verdict in verdicts) and not entry.sometimes:
                faults.append(
                    f"{entry} passes now; delete the entry, or say `sometimes = true` in it if it fails now and then"
                )
        return tuple(faults)

    def _fault(self, entry: _Entry) -> str | None:
        if entry.id not in {check.id for check in catalogue()}:
            return f"there is no check {entry.id!r}; `suite list checks` names them"
        if not entry.reason.strip():
            return f"{entry} has no reason; say why it may fail"
        if entry.expires is None:
            return f"{entry} has no day on which it expires; add one, like expires = 2030-12-31"
        if entry.expires < self._today:
            return f"{entry} expired on {entry.expires}; fix the server, or decide again and move the day"
        return None


def _entry(row: Any, where: str) -> _Entry:
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise UsageError(f"{where} has no id; name the check that may fail")
    for name, value in row.items():
        if name not in _TYPES:
            raise UsageError(f"{where}: {name} is not understood; known are {', '.join(_TYPES)}")
        kind, wanted = _TYPES[name]
        if not isinstance(value, kind):
            raise UsageError(f"{where}: {name} = {value!r} is not understood; it is {wanted}")
    expires = row.get("expires")
    try:
        day = date.fromisoformat(expires) if isinstance(expires, str) else expires
    except ValueError:
        raise UsageError(f"{where}: expires = {expires!r} is no date; write it like 2030-12-31") from None
    if isinstance(day, datetime):
        day = day.date()
    return _Entry(row["id"], row.get("target", ""), row.get("reason", ""), day, row.get("sometimes", False))
