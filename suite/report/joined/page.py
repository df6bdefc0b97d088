"""The page as text: what the sections need, laid out by the templates, within a size that can be mailed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from suite import __version__
from suite.conformance.checks import catalogue
from suite.report.html import MARKS
from suite.report.joined import benched, checked, claimed, drawing, figures, summary
from suite.report.joined.naming import Names
from suite.report.joined.reading import Sources
from suite.report.templates import engine
from suite.report.words import operation

__all__ = ("LIMIT", "render")

LIMIT = 600 * 1024
"""Bytes of a page: what mail and CI services pass on without complaint."""


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is shown: points a decade of a latency curve, and whether each check has its row."""

    points: int
    every_check: bool
    findings: int


_DETAILS = (_Detail(8, every_check=True, findings=200), _Detail(5, every_check=True, findings=12), _Detail(3, every_check=True, findings=4), _Detail(2, every_check=False, findings=3), _Detail(1, every_check=False, findings=0))  # fmt: skip

_MACHINE = ("kernel", "machine", "python")
"""What must agree for reports to be of one machine."""


def render(sources: Sources, title: str | None = None) -> str:
    """Return the page; where it would grow beyond LIMIT, with less detail, which it then says."""
    page = ""
    for detail in _DETAILS:
        page = _rendered(sources, title, detail)
        if len(page.encode()) <= LIMIT:
            break
    return page


def _rendered(sources: Sources, title: str | None, detail: _Detail) -> str:
    bench, claims = sources.bench, sources.claims
    names = Names(_targets(sources))
    judged = None if sources.check is None else checked.judged(sources.check)
    tried = [] if claims is None else claimed.tried(claims, names)
    groups = [] if bench is None else benched.groups(bench, names)
    lines = summary.of_checks(judged, names) if judged else []
    lines += summary.of_claims(tried) if tried else []
    lines += summary.of_bench(groups, names)
    templates = engine()
    templates.filters |= {
        "number": figures.number, "steady": figures.steady, "ratio": figures.ratio, "duration": figures.duration, "kib": figures.kib,
        "percent": figures.percent, "interval": figures.interval, "short": names.short, "slot": names.slot,
        "operation": operation, "limits": benched.limits, "ends": lambda group: summary.ends(group, names), "cardinal": figures.cardinal,
    }  # fmt: skip
    text = templates.get_template("joined.html").render(
        about={row.id: row.requirement for row in catalogue()},
        bench=bench,
        claims=claims,
        claim_marks=claimed.MARKS,
        detail=detail,
        distributions=drawing.distributions(groups, names, detail.points),
        environments=_environments(sources),
        groups=groups,
        headlines=lines,
        judged=judged,
        marks=MARKS,
        memory=None if bench is None else benched.memory(bench, names),
        names=names,
        notices=_notices(sources),
        now=datetime.now(UTC),
        reduced=detail is not _DETAILS[0],
        scaling=drawing.scaling(groups, names),
        title=title or summary.title(judged, tried, bench),
        tried=tried,
        version=__version__,
    )
    return f"{text}\n"


def _targets(sources: Sources) -> list[str]:
    found = [] if sources.bench is None else [*sources.bench.targets, *(row.target for row in sources.bench.rows)]
    return found if sources.check is None else [*found, *(row.target for row in sources.check.targets)]


_NAMES = {"check": "Conformance", "bench": "Benchmark", "claims": "Claims"}


def _environments(sources: Sources) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return of each report: its name, where it comes from, and what it tells of its surroundings."""
    found = []
    for kind, name in _NAMES.items():
        report = getattr(sources, kind)
        if report is not None:
            rows = [(key, _told(value)) for key, value in report.environment.items()]
            if kind == "check":
                rows.append(
                    ("run", f"{report.service} service, {report.profile or 'unknown'} profile, seed {report.seed}")
                )
            else:
                rows += [("pinned", _pinned(report.pinning)), ("took", f"{report.seconds:.0f} s")]
            found.append((name, f"{sources.files.get(kind, '')}, written by suite {report.version}".lstrip(", "), rows))
    return found


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(one)}" for key, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_told, value)) or "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "unknown" if value is None or value == "" else str(value)


def _pinned(pinning: Mapping[str, list[int]]) -> str:
    parts = [f"{name} to processor {', '.join(map(str, where))}" for name, where in pinning.items() if where]
    return "; ".join(parts) or "nothing: servers and generator ran wherever the system put them"


def _notices(sources: Sources) -> list[str]:
    """Return what a reader must know before anything else."""
    found = [f"{_NAMES[kind]}: the run was interrupted; this is what was known by then." for kind in ("bench", "claims") if (report := getattr(sources, kind)) is not None and report.interrupted]  # fmt: skip
    if sources.check is not None:
        found += ["Conformance: the run was interrupted; what did not run is SKIPPED."] * (sources.check.exit == 130)
        found += [f"Baseline: {line}" for line in sources.check.stale]
    there = [kind for kind in _NAMES if getattr(sources, kind) is not None]
    for one, other in combinations(there, 2):
        first, second = getattr(sources, one).environment, getattr(sources, other).environment
        differ = [key for key in _MACHINE if key in first and key in second and first[key] != second[key]]
        if differ:
            found.append(f"{_NAMES[one]} and {_NAMES[other].lower()} come from different surroundings; these differ: {', '.join(differ)}.")  # fmt: skip
    return found
