"""Reads JSON reports back into dataclasses; a file that is none, or not whole, is named with what to do about it."""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from suite.bench.findings import ClaimsFinished
from suite.bench.results import BenchFinished
from suite.errors import UsageError
from suite.events import Level, Rate, Verdict

__all__ = ("CheckReport", "CheckRow", "CheckTarget", "Sources", "read")

FORMAT = 1
"""The newest format of each kind that is understood here."""

_WRITERS = {"check": "suite check --json", "bench": "suite bench --json", "claims": "suite claims --json"}
_VERDICTS = {"bench": {"MEASURED", "INVALID", "INCONCLUSIVE"}, "claims": {"PASS", "FAIL", "INCONCLUSIVE", "REPORTED"}}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """A check of the conformance report; what later versions added has defaults."""

    id: str
    family: str
    level: Level
    verdict: Verdict
    reason: str = ""
    expected: str | None = None
    actual: str | None = None
    script: list[Any] | None = None
    rate: Rate | None = None
    excused: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the target failed here."""
        return self.verdict in (Verdict.FAIL, Verdict.UNSTABLE) and not self.excused


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """A target of the conformance report."""

    target: str
    verdict: str
    checks: tuple[CheckRow, ...]
    capabilities: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The conformance report."""

    tool: str
    version: str
    seed: int
    service: str
    targets: tuple[CheckTarget, ...]
    environment: dict[str, Any]
    exit: int
    profile: str = ""
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """What there is to join; `files` names each one's file."""

    check: CheckReport | None = None
    bench: BenchFinished | None = None
    claims: ClaimsFinished | None = None
    files: Mapping[str, str] = field(default_factory=dict)


class _Misfit(Exception):  # noqa: N818 - never leaves this module
    """What does not fit, in words."""


def read(check: Path | None, bench: Path | None, claims: Path | None) -> Sources:
    """Read the reports that are named.

    Raises:
        UsageError: none is named, or one cannot be read or is not what it should be.
    """
    paths = {"check": check, "bench": bench, "claims": claims}
    files = {kind: path for kind, path in paths.items() if path is not None}
    if not files:
        raise UsageError("nothing to report on; name at least one of --check FILE, --bench FILE, --claims FILE")
    return Sources(
        None if check is None else _report("check", CheckReport, check),
        None if bench is None else _report("bench", BenchFinished, bench),
        None if claims is None else _report("claims", ClaimsFinished, claims),
        {kind: path.name for kind, path in files.items()},
    )


def _report(kind: str, form: type[Any], path: Path) -> Any:
    try:
        data = _decoded(path.read_bytes())
    except (OSError, ValueError) as error:  # ValueError: a null byte in its name
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {path}: {reason}; --{kind} takes what `{_WRITERS[kind]} FILE` wrote") from None  # fmt: skip
    except _Misfit as misfit:
        raise UsageError(f"{path} {misfit}; write it again with `{_WRITERS[kind]} FILE`") from None
    found = _kind(data)
    if found is None:
        raise UsageError(f"{path} is no report of this tool; --{kind} takes what `{_WRITERS[kind]} FILE` wrote")
    if found != kind:
        raise UsageError(f"{path} is a report of `{_WRITERS[found]}`; name it with --{found}")
    number = data.get("format")
    if not isinstance(number, int) or number > FORMAT:
        raise UsageError(f"{path} has format {number!r}, and this version reads {FORMAT}; report with the version that wrote it")  # fmt: skip
    try:
        report = _built(form, data, "")
        _known(kind, report)
    except (_Misfit, RecursionError) as misfit:
        raise UsageError(f"{path} is damaged: {misfit}; write it again with `{_WRITERS[kind]} FILE`") from None
    return report


def _decoded(content: bytes) -> Any:
    if not content.strip():
        raise _Misfit("is empty")
    try:
        text = content.decode()
        return json.loads(text, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise _Misfit("is no text, so no JSON") from None
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise _Misfit("holds more than one JSON object") from None
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise _Misfit(f"is cut off at line {error.lineno}") from None
        raise _Misfit(f"is no JSON: {error.msg} at line {error.lineno}") from None
    except RecursionError:
        raise _Misfit("is nested too deep for a report") from None
    except ValueError as error:  # integers of thousands of digits
        raise _Misfit(f"is no JSON: {error}") from None


def _no_number(word: str) -> float:
    raise _Misfit(f"holds {word}, which is no JSON")


def _kind(data: Any) -> str | None:
    if not isinstance(data, dict) or str(data.get("tool")).partition(" ")[0] != "suite":
        return None
    if "rows" in data and "pinning" in data:
        return "bench"
    if "claims" in data:
        return "claims"
    return "check" if "seed" in data and "service" in data and "targets" in data else None


def _built(form: Any, data: Any, where: str) -> Any:
    """Build a value of the type `form` from decoded JSON; unknown fields are left out, as later versions may add some."""
    if form is Any:
        return data
    origin, inner = get_origin(form), get_args(form)
    if origin in (Union, types.UnionType):
        if data is None and types.NoneType in inner:
            return None
        return _built(next(one for one in inner if one is not types.NoneType), data, where)
    if origin in (tuple, list):
        if not isinstance(data, list):
            raise _Misfit(f"{where} should be a list")
        return origin(_built(inner[0], one, f"{where}[{at}]") for at, one in enumerate(data))
    if origin is dict:
        if not isinstance(data, dict):
            raise _Misfit(f"{where} should be an object")
        return {key: _built(inner[1], value, f"{where}.{key}") for key, value in data.items()}
    if is_dataclass(form):
        return _object(form, data, where)
    return _scalar(form, data, where)


def _object(form: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise _Misfit(f"{where or 'it'} should be an object")
    hints = get_type_hints(form)
    values = {}
    for one in fields(form):
        if one.name in data:
            values[one.name] = _built(hints[one.name], data[one.name], f"{where}.{one.name}".lstrip("."))
        elif one.default is MISSING and one.default_factory is MISSING:
            raise _Misfit(f"{f'{where}.{one.name}'.lstrip('.')} is missing")
    return form(**values)


def _scalar(form: Any, data: Any, where: str) -> Any:
    if form is float and isinstance(data, int | float) and not isinstance(data, bool):
        try:
            if math.isfinite(number := float(data)):
                return number
        except OverflowError:
            pass
    elif issubclass(form, StrEnum):
        if data in list(form):
            return form(data)
        raise _Misfit(f"{where} should be one of {', '.join(form)}")
    elif isinstance(data, form) and (form is bool or not isinstance(data, bool)):
        return data
    raise _Misfit(
        f"{where} should be a {({float: 'number', int: 'whole number', str: 'text'}).get(form, 'truth value')}"
    )


def _known(kind: str, report: Any) -> None:
    rows = report.rows if kind == "bench" else report.claims if kind == "claims" else ()
    for at, row in enumerate(rows):
        if row.verdict not in _VERDICTS[kind]:
            raise _Misfit(f"{'rows' if kind == 'bench' else 'claims'}[{at}].verdict {row.verdict[:40]!r} is unknown")
