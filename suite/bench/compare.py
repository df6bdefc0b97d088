"""`suite bench compare OLD NEW`: what two reports say of the same targets, by intervals.

Rates of two days are rates of two machines. What is judged is the ratio to the same reference, taken within one run:
it is slower only when the quartiles of both runs lie apart.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.bench.results import FORMAT, Workload
from suite.errors import UsageError

__all__ = ("Change", "compare", "load")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one target under one workload.

    Attributes:
        verdict: "slower", "faster", "same" (the intervals meet), "broken" (INVALID now) or "unjudged".
        old, new: (median, q1, q3) of the ratio to the reference; None where there is none.
        reason: why it is unjudged or broken; of two that the generator limited, that it did.
    """

    target: str
    workload: str
    verdict: str
    old: tuple[float, float, float] | None = None
    new: tuple[float, float, float] | None = None
    reason: str = ""


def load(path: Path) -> dict[str, Any]:
    """Read a report of `suite bench --json`.

    Raises:
        UsageError: it is none, or of a later format.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or 'not a text'}") from None
    except ValueError:
        raise UsageError(f"{path} is no report: it is not JSON, or is cut off; make it anew with --json") from None
    if not isinstance(data, dict) or data.get("tool") != "suite bench" or not isinstance(data.get("rows"), list):
        raise UsageError(f"{path} is no report of `suite bench --json`")
    if data.get("format") != FORMAT:
        raise UsageError(
            f"{path} has format {data.get('format')}, this suite reads format {FORMAT}; use the suite that made it"
        )
    return data


def compare(old: dict[str, Any], new: dict[str, Any]) -> tuple[tuple[Change, ...], int]:
    """Compare row by row; return the changes, and 1 where something is slower or broken, 3 where nothing can be judged, else 0.

    Raises:
        UsageError: a report's rows are not what `suite bench` writes.
    """
    try:
        before = {_key(row): row for row in old["rows"]}
        after = {_key(row) for row in new["rows"]}
        changes = (
            *(_change(row, before.get(_key(row))) for row in new["rows"]),
            *(
                Change(row["target"], Workload(**row["workload"]).name, "unjudged", reason="only in the old report")
                for key, row in before.items()
                if key not in after
            ),
        )
    except (KeyError, TypeError, AttributeError):
        raise UsageError("a report's rows are damaged; make it anew with `suite bench --json`") from None
    if any(change.verdict in ("slower", "broken") for change in changes):
        return changes, 1
    return changes, 0 if any(change.verdict != "unjudged" for change in changes) else 3


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    workload = {name: value for name, value in row["workload"].items() if name != "rate"}
    return row["target"], *sorted(workload.items())


def _change(row: dict[str, Any], before: dict[str, Any] | None) -> Change:
    names = row["target"], Workload(**row["workload"]).name
    if before is None:
        return Change(*names, "unjudged", reason="only in the new report")
    if row["verdict"] == "INVALID" and before["verdict"] != "INVALID":
        return Change(*names, "broken", reason=row["reason"])
    for which, one in (("old", before), ("new", row)):
        if one["verdict"] != "MEASURED":
            return Change(*names, "unjudged", reason=f"{one['verdict']} in the {which} report: {one['reason']}")
        if one["ratio"] is None:
            return Change(
                *names, "unjudged", reason="it has no ratio: it is the reference, or its schedule sets the rate"
            )
    if row["ratio"]["to"] != before["ratio"]["to"]:
        return Change(
            *names, "unjudged", reason=f"compared with {before['ratio']['to']} before, with {row['ratio']['to']} now"
        )
    old, new = (
        (spread["median"], spread["q1"], spread["q3"]) for spread in (before["ratio"]["spread"], row["ratio"]["spread"])
    )
    limited = row["client_limited"] and before["client_limited"]
    verdict = "slower" if new[2] < old[1] else "faster" if new[1] > old[2] else "same"
    return Change(*names, verdict, old, new, "both client-limited: look at the processor time" if limited else "")
