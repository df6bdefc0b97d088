"""What `suite list` and `suite explain` print."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from suite.conformance.plan import Check
from suite.registry import Variant
from suite.services import Service

__all__ = ("Rows", "explain", "page", "show")


Rows = Sequence[Variant] | Sequence[Service] | Sequence[Check]
"""What can be listed."""


def show(what: str, rows: Rows, *, as_json: bool) -> None:
    """Print rows of one kind, a line each or as JSON."""
    table = [_row(row) for row in rows]
    if as_json:
        print(json.dumps({what: table}, indent=1))
        return
    for row in table:
        print("  ".join(_line(what, row)).rstrip())


def _row(row: Variant | Service | Check) -> dict[str, Any]:
    if isinstance(row, Variant):
        return {
            "name": row.name,
            "kind": row.kind,
            "summary": row.summary,
            "capabilities": {
                name.replace("_", "-"): value for name, value in asdict(row.capabilities).items() if value
            },
            "unavailable": row.unavailable(),
        }
    if isinstance(row, Service):
        return asdict(row)
    names = ("id", "family", "level", "requirement", "source", "known", "specimen")
    return {name: getattr(row, name) for name in names}


def _line(what: str, row: dict[str, Any]) -> list[str]:
    if what == "variants":
        limits = ", ".join(name if value is True else f"{name}={value}" for name, value in row["capabilities"].items())
        missing = f"unavailable: {row['unavailable']}" if row["unavailable"] else ""
        return [f"{row['name']:<20}", f"{row['kind']:<8}", "; ".join(filter(None, (row["summary"], limits, missing)))]
    if what == "services":
        return [f"{row['name']:<8}", f"RFC {row['rfc']}", f"port {row['port']:<3}", row["summary"]]
    return [f"{row['id']:<24}", f"{row['family']:<13}", f"{row['level']:<7}", row["requirement"]]


def explain(check: Check) -> None:
    """Print all there is to know of one check."""
    print(f"{check.id}  {check.level}, family {check.family}{', generated' if check.generated else ''}")
    print(f"  {check.requirement}")
    print(f"  source    {check.source}")
    print(f"  known     {check.known}")
    print(f"  specimen  suite/specimens/{check.specimen}")
    print(f"  fails on  {', '.join(sorted(check.faults)) or 'its own judgement'}")
    print(f"  premise   {check.premise[0]}")


def page(checks: Sequence[Check]) -> str:
    """Render the catalogue as the Markdown of docs/checks.md; `python -m suite.report.listing` prints it."""
    lines = [
        "# The checks",
        "",
        "Generated from the catalogue by `python -m suite.report.listing`; `suite explain ID` shows one in the terminal.",
        "Each check quotes its requirement, its source and a known real bug it would have caught, and names a specimen",
        "below `suite/specimens/`, a server with one fault, that turns it red in the tests.",
        "A generated check has Hypothesis compose at least 200 whole client programs in the quick profile.",
        "",
    ]
    family = ""
    for check in checks:
        if check.family != family:
            family = check.family
            lines += [f"## {family}", ""]
        kind = " · generated" if check.generated else ""
        lines += [
            f"### {check.id}",
            "",
            f"**{check.level}**{kind} — {check.requirement}",
            "",
            f"- Source: {check.source}",
            f"- Known bug: {check.known}",
            f"- Specimen: `{check.specimen}`",
            f"- Premise: {check.premise[0]}",
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    from suite.conformance.checks import catalogue

    print(page(catalogue()), end="")
