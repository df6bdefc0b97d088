"""Files that show a failure again: the script as JSON (format 1), a stand-alone program, and a shell line where one can."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from suite import __version__
from suite.conformance.plan import Check
from suite.conformance.script import Op, Script, from_json, to_json
from suite.conformance.standalone import one_liner, program
from suite.conformance.target import Target
from suite.errors import HarnessError, UsageError
from suite.events import CheckResult, Finding, Repro, Verdict

__all__ = ("Evidence", "Record", "load")

FORMAT = 1
LARGEST = 64 << 20
"""Bytes of a repro file: more is none, or /dev/zero."""
_FAILED = (Verdict.FAIL, Verdict.UNSTABLE, Verdict.WARN)


class Evidence:
    """Writes `repro-CHECK-HASH.json` and `.py` for every failure that has a script.

    Args:
        directory: where to; made if absent.
        seed: the run's.
        environment: where this runs.

    Attributes:
        error: the first file that could not be written; it ends neither the run nor the others.

    Raises:
        UsageError: nothing can be written there; said before anything runs.
    """

    def __init__(self, directory: Path, seed: int, environment: Mapping[str, Any]) -> None:
        self._directory = directory
        self._seed = seed
        self._environment = dict(environment)
        self.error: HarnessError | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=directory).close()
        except OSError as error:
            raise UsageError(f"cannot write to {directory}: {error.strerror}; choose another --repro-dir") from None

    def keep(self, target: Target, check: Check, result: CheckResult) -> CheckResult:
        """Write the files of a failure; return the result with their paths. Anything else stays as it is."""
        if result.verdict not in _FAILED or result.script is None or result.finding is None:
            return result
        script = from_json(list(result.script))
        # No name of a target reaches a file name: it may hold anything.
        digest = hashlib.sha256(ascii((target.name, result.id, result.script)).encode()).hexdigest()[:8]
        path = self._directory / f"repro-{result.id}-{digest}.json"
        alone = line = None
        if target.offers("tcp"):  # a program of sixty lines speaks no TLS
            alone = program(check, result.finding, script, target.oracle.service, target.patience, afresh=result.afresh)
        if not target.offers("tls"):
            # The address of a server that was launched is gone by the time somebody reads this.
            line = one_liner(script, target.where if target.kind == "address" else "HOST PORT")
        repro = Repro(
            str(path),
            None if alone is None else str(path.with_suffix(".py")),
            line if target.oracle.service == "echo" else None,
        )
        data = {
            "format": FORMAT,
            "tool": "suite",
            "version": __version__,
            "check": check.id,
            "level": check.level,
            "verdict": result.verdict,
            "requirement": check.requirement,
            "target": {
                "kind": target.kind,
                "name": target.name,
                "command": list(target.command),
                "nofile": target.nofile,
                "capabilities": dict(target.declared()),
            },
            "service": target.oracle.service,
            "seed": self._seed,
            "script": to_json(script),
            "expected": result.expected,
            "actual": result.actual,
            "finding": {"kind": result.finding.kind, "client": result.finding.client, "hard": result.finding.hard},
            "rate": None if result.rate is None else asdict(result.rate),
            "afresh": result.afresh,
            "patience": round(target.patience, 3),
            "note": result.note,
            "one_liner": repro.one_liner,
            "environment": self._environment,
        }
        try:
            path.write_text(_text(data) + "\n", encoding="utf-8")
            if alone is not None:
                path.with_suffix(".py").write_text(alone, encoding="utf-8")
        except OSError as error:
            self.error = self.error or HarnessError(f"cannot write {path}: {error.strerror}")
            with suppress(OSError):
                path.unlink()  # half of one is none
            return result
        return replace(result, repro=repro)


def _text(data: dict[str, Any]) -> str:
    """Render a record, one operation a line. No string of it can hold the place where they go: its quotes are escaped."""
    place = '"script": []'
    operations = ",\n  ".join(json.dumps(op) for op in data["script"])
    return json.dumps(data | {"script": []}, indent=1).replace(place, f'"script": [\n  {operations}\n ]', 1)


@dataclass(frozen=True, slots=True)
class Record:
    """What a repro file says.

    Attributes:
        check: id of the check that failed.
        kind: of the target: "own", "control", "peer", "address" or "command".
        name: the target as the user called it.
        command: the words that start it, for "command".
        service: what it serves.
        script: what to play.
        finding: what it showed.
        afresh: it needs a server that has just been started.
        nofile: descriptors that it was given, where that was said.
        capabilities: what was declared of it, by its name on the command line.
        rare: the failure did not show in every run.
    """

    check: str
    kind: str
    name: str
    command: tuple[str, ...]
    service: str
    script: Script
    finding: Finding
    afresh: bool
    nofile: int | None
    capabilities: Mapping[str, Any]
    rare: bool

    @property
    def declared(self) -> list[str]:
        """What was declared of the target, as `--capability` takes it."""
        return [name if value is True else f"{name}={value}" for name, value in self.capabilities.items()]

    @property
    def injects(self) -> bool:
        """Whether the script has system calls fail."""
        return any(op.kind == "inject" for op in self.script)


def load(path: Path) -> Record:
    """Read a repro file.

    Raises:
        UsageError: it cannot be read, is cut off, is something else, or comes from a newer version of this tool.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise UsageError(f"{path} is larger than any repro file; give one that `suite check --repro-dir DIR` wrote")
        data: Any = json.loads(text)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}; --repro-dir DIR of `suite check` writes such files"
        ) from None
    except (ValueError, RecursionError):
        raise UsageError(
            f"{path} is no JSON, or was cut off; write it again with `suite check --repro-dir DIR`"
        ) from None
    if not isinstance(data, dict) or data.get("tool") != "suite" or "script" not in data:
        raise UsageError(f"{path} is no repro file; give a repro-*.json that `suite check --repro-dir DIR` wrote")
    if type(data.get("format")) is not int or data["format"] != FORMAT:
        raise UsageError(
            f"{path} has format {data.get('format')!r}, this version of suite reads {FORMAT}; update suite"
        )
    try:
        target, finding = data["target"], data["finding"]
        record = Record(
            _a(str, data["check"]),
            _a(str, target["kind"]),
            _a(str, target["name"]),
            tuple(_a(str, word) for word in _a(list, target["command"])),
            _a(str, data["service"]),
            from_json(data["script"]),
            Finding(
                _a(str, finding["kind"]),
                _a(int, finding["client"]),
                str(data["expected"]),
                str(data["actual"]),
                hard=_a(bool, finding["hard"]),
            ),
            _a(bool, data["afresh"]),
            None if target.get("nofile") is None else _a(int, target["nofile"]),
            _a(dict, target.get("capabilities", {})),
            rare=data.get("verdict") == Verdict.UNSTABLE,
        )
    except (KeyError, TypeError, UsageError) as error:
        raise UsageError(
            f"{path} is damaged: {_cause(error)}; write it again with `suite check --repro-dir DIR`"
        ) from None
    if not record.script:
        raise UsageError(f"{path} has no operation in its script; write it again with `suite check --repro-dir DIR`")
    if (op := _stray(record.script)) is not None:
        raise UsageError(
            f"{path} is damaged: client {op.client} of {op.json()} is not open; write it again with `suite check --repro-dir DIR`"
        )
    return record


def _stray(script: Script) -> Op | None:
    """Return the first operation of a client that was never opened, or is opened twice."""
    known: set[int | None] = {-1, None}
    for op in script:
        if (op.client in known) is (op.kind == "open") or op.same_port_as not in known:
            return op
        known.add(op.client)
    return None


_T = TypeVar("_T")


def _a(kind: type[_T], value: Any) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _cause(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
