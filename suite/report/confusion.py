"""What `suite selftest` shows: the confusion matrix of specimens and checks, for people, for programs, and to go on from."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite import __version__
from suite.conformance.proving import MOST_SECONDS, Proved, ProvingFinished, ProvingStarted, Row, Sign
from suite.errors import HarnessError, UsageError
from suite.events import Progress
from suite.report.as_json import environment
from suite.report.bar import Bar

__all__ = ("JsonConfusion", "RowsFile", "TextConfusion")

_COLORS = {"found": "32", "silent": "32", "unavailable": "2"}
_COLUMNS = "{:<26}{:<14}{:<12}{:<22}{:>5}  {:>4}  {:<6}{}"


class TextConfusion:
    """Prints a line a row on stdout, and totals; a live bar on stderr, on a terminal only."""

    def __init__(self, *, color: bool) -> None:
        self._color = color
        self._bar = Bar(sys.stderr)
        self._now = ""
        self._started: ProvingStarted | None = None

    def __call__(self, sign: Sign) -> None:
        """Take one event."""
        match sign:
            case ProvingStarted():
                self._started = sign
                self._bar.start(sign.rounds - sign.known)
                if sign.known:
                    print(f"{sign.known} of {sign.rounds} rounds are known already")
                print(_COLUMNS.format("specimen", "expected", "outcome", "by", "s", "ops", "rate", "also failed").rstrip(), flush=True)  # fmt: skip
            case Progress():
                if sign.target != self._now:
                    self._now = sign.target
                    self._bar.target(sign.target, 1)
                self._bar.doing(f"{sign.check} {sign.doing}")
            case Proved():
                self._bar.pause()
                print(self._line(sign.row), flush=True)
            case ProvingFinished():
                self._bar.stop()
                self._totals(sign)

    def _line(self, row: Row) -> str:
        name = row.name if row.round == 1 else f"{row.name} {row.round}"
        operations = "" if row.operations is None else str(row.operations)
        by = row.check or "-"
        also = ", ".join(row.others)
        # A note tells why, where there is something to explain.
        also += f"{'; ' if also else ''}{row.note}" if row.note and not (row.good and row.check) else ""
        text = _COLUMNS.format(name, " ".join(row.expected[:1]) or "-", row.outcome, by, f"{row.seconds:.1f}", operations, row.rate, also)  # fmt: skip
        if not self._color:
            return text.rstrip()
        return f"\x1b[{_COLORS.get(row.outcome, '1;31')}m{text.rstrip()}\x1b[0m"

    def _totals(self, end: ProvingFinished) -> None:
        counts = Counter(row.outcome for row in end.rows)
        faults = [row for row in end.rows if row.expected and row.outcome not in ("unavailable", "error")]
        right = [row for row in end.rows if not row.expected and row.outcome not in ("unavailable", "error")]
        named = sum(row.outcome != "missed" for row in faults)
        if end.interrupted:
            print("interrupted: the above is what is known; with --resume FILE the next run goes on from here")
        words = [f"{named} of {len(faults)} faults named by the right family"]
        words += [f"{counts['slow']} of them after more than {MOST_SECONDS:.0f} s"] if counts["slow"] else []
        words += [f"{counts['long']} with a longer script than the fault asks for"] if counts["long"] else []
        if right:
            words += [f"{counts['false alarm']} false alarms in {len(right)} rounds of {len({row.name for row in right})} right servers"]  # fmt: skip
        words += [f"{counts['unavailable']} unavailable here"] if counts["unavailable"] else []
        words += [f"{counts['error']} without a verdict"] if counts["error"] else []
        assert self._started is not None
        print(
            f"{'; '.join(words)}; {end.seconds:.0f} s, {self._started.profile}, seed {self._started.seed}", flush=True
        )


class JsonConfusion:
    """Writes the whole run as one JSON file when it is over.

    Raises:
        UsageError: the file cannot be written; said before anything runs.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started: ProvingStarted | None = None
        _writable(path, "--json")

    def __call__(self, sign: Sign) -> None:
        """Take one event."""
        if isinstance(sign, ProvingStarted):
            self._started = sign
        elif isinstance(sign, ProvingFinished) and self._started is not None:
            data = {
                "format": 1,
                "tool": "suite selftest",
                "version": __version__,
                "profile": self._started.profile,
                "seed": self._started.seed,
                "rows": [asdict(row) for row in sign.rows],
                "interrupted": sign.interrupted,
                "environment": environment(),
                "exit": sign.exit,
            }
            try:
                self._path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
            except OSError as error:
                raise HarnessError(f"cannot write {self._path}: {error.strerror}") from None


class RowsFile:
    """The rows so far, a JSON object a line, so that an interrupted run can be gone on with.

    Attributes:
        rows: those that the file held; rows without a verdict are left out, to be run again.
        seed: the seed they were made with.

    Raises:
        UsageError: the file cannot be used, is no such file, or belongs to another profile.
    """

    def __init__(self, path: Path, profile: str, seed: int) -> None:
        self._path = path
        _writable(path, "--resume")
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # a run was killed while it wrote its last line
        try:
            head, *rest = [json.loads(line) for line in lines] or [_head(profile, seed)]
            self.rows = [row for row in map(_row, rest) if row.outcome != "error"]
            found, self.seed = head["selftest"], int(head["seed"])
        except (ValueError, TypeError, KeyError):
            raise UsageError(f"{path} holds no rows of `suite selftest`; give --resume another file") from None
        if found != profile:
            raise UsageError(f"{path} belongs to --profile {found}; give --resume another file")
        self._write([_head(profile, self.seed), *(asdict(row) for row in self.rows)], "w")

    def __call__(self, sign: Sign) -> None:
        """Take one event."""
        if isinstance(sign, Proved) and not sign.known:
            self._write([asdict(sign.row)], "a")

    def _write(self, items: Sequence[dict[str, Any]], mode: str) -> None:
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.writelines(json.dumps(item) + "\n" for item in items)
        except OSError as error:
            raise HarnessError(f"cannot write {self._path}: {error.strerror}") from None


def _head(profile: str, seed: int) -> dict[str, Any]:
    return {"selftest": profile, "seed": seed}


def _row(data: dict[str, Any]) -> Row:
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Row(**fields)


def _writable(path: Path, option: str) -> None:
    try:
        path.open("a").close()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another {option} FILE") from None
