"""What a reader wants to know first, in plain words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from suite.bench.results import BenchFinished, Row
from suite.report.joined import figures
from suite.report.joined.benched import Group, clear, limits
from suite.report.joined.checked import Judged
from suite.report.joined.claimed import MARKS, Tried
from suite.report.joined.naming import Names

__all__ = ("Headline", "ends", "of_bench", "of_checks", "of_claims", "title")

_NAMED = 6
"""Servers named in a sentence; the rest is counted."""


_UNFOLDED = 3
"""Workloads besides the first that a summary shows unfolded."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What it is about, and sentences; `folded`: what they say in a word, where they stand behind it."""

    about: str
    sentences: tuple[str, ...]
    folded: str = ""


def title(judged: Judged | None, tried: Sequence[Tried], bench: BenchFinished | None) -> str:
    """Say what the page compares."""
    targets = {target.target for target in judged.report.targets} if judged else set()
    targets |= {row.target for row in bench.rows} if bench else set()
    done = _listed([word for word, there in (("checked", judged), ("measured", bench)) if there])
    parts = [f"{figures.cardinal(len(targets), 'server')} {done}"] if targets else []
    parts += [f"{figures.cardinal(len(tried), 'claim')} tried"] if tried else []
    return ", ".join(parts) or "Nothing ran"


def of_checks(judged: Judged, names: Names) -> list[Headline]:
    """Sum up conformance."""
    targets, standing = judged.report.targets, judged.standing
    right = standing["conforming"]
    count = f"{right or 'None'} of {figures.cardinal(len(targets), 'server')}"
    verb = "conforms" if right <= 1 else "conform"
    lines = [f"{count} {verb}{' (no MUST that was judged is breached)' if right else ''}."]
    wrong = [f"{names.short(one.target)} ({sum(row.failed for row in one.checks)} failed)" for one in targets if one.verdict == "non-conforming"]  # fmt: skip
    unknown = [names.short(one.target) for one in targets if one.verdict == "no-verdict"]
    lines += [f"Not conforming: {_some(wrong)}."] if wrong else []
    lines += [f"Without a verdict: {_some(unknown)}."] if unknown else []
    return [Headline("Conformance", tuple(lines))]


def of_claims(tried: Sequence[Tried]) -> list[Headline]:
    """Sum up the claims."""
    tally = Counter(one.claim.verdict for one in tried)
    order = ("PASS", "FAIL", "INCONCLUSIVE", "REPORTED")
    words = dict.fromkeys(order, "") | {verdict: MARKS[verdict][2] for verdict in order}
    words["INCONCLUSIVE"], words["REPORTED"] = "could not be told on this machine", "reported without a verdict"
    counts = _listed([f"{tally[verdict]} {words[verdict]}" for verdict in order if tally[verdict]])
    lines = [f"{figures.cardinal(len(tried), 'textbook claim')} tried: {counts}."]
    lines += [f"Not so here: {one.claim.claim}" for one in tried if one.claim.verdict == "FAIL"][:_NAMED]
    return [Headline("Claims", tuple(lines))]


def of_bench(groups: Sequence[Group], names: Names) -> list[Headline]:
    """Sum up the benchmark: one workload in detail, the others by their ends."""
    compared = [group for group in groups if group.compared]
    found = []
    if compared:
        main = next((group for group in compared if group.workload.mode == "closed" and not group.own), compared[0])  # fmt: skip
        found.append(Headline(main.title, tuple(_detailed(main, names))))
        others = [f"{group.title}: {_small(ends(group, names))}" for group in compared if group is not main]
        fold = figures.cardinal(len(others), "workload") if len(others) > _UNFOLDED else ""
        found += [Headline("Other workloads", tuple(others), fold)] if others else []
    rows = [row for group in groups for row in group.rows]
    lines = _cautions(rows)
    if not compared and any(row.verdict == "MEASURED" for row in rows):
        lines.insert(0, "No server is compared with another: the report holds no ratios.")
    return [*found, Headline("Read with care", tuple(lines))] if lines else found


def _small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _detailed(group: Group, names: Names) -> list[str]:
    won = [row for row in group.compared if clear(row)]
    shown = won if len(won) <= _NAMED else won[: _NAMED // 2] + won[-_NAMED // 2 :]
    if group.own:
        return [f"{names.short(row.target)} keeps {_times(row)} its own rate at {group.reference}." for row in group.compared][:_NAMED]  # fmt: skip
    to = names.short(group.reference)
    lines = [f"{names.short(row.target)} serves {_times(row)} what {to} does{_remark(row)}." for row in shown]
    if len(shown) < len(won):
        lines.append(f"{len(won) - len(shown)} more lie between; the chart below shows them.")
    open_ = [f"{names.short(row.target)} ({_bracket(row)})" for row in group.compared if not clear(row)]
    if open_:
        lines.append(
            f"No winner against {to}, because the interval includes 1 or the processor time does not agree: {_some(open_)}."
        )
    return lines


def ends(group: Group, names: Names) -> str:
    """Name the fastest and the slowest of a workload, and by how much."""
    best, worst = group.compared[0], group.compared[-1]
    if group.own:
        most = f"{names.short(best.target)} keeps {_times(best)} its own rate at {group.reference}"
        return f"{most}." if best is worst else f"{most}, {names.short(worst.target)} {_times(worst)}."
    to = names.short(group.reference)
    faster = clear(best) and best.ratio is not None and best.ratio.spread.median > 1
    first = (
        f"Fastest {names.short(best.target)}: {_times(best)} the rate of {to}{_remark(best)}."
        if faster
        else f"None is clearly faster than {to}; next {names.short(best.target)}: {_bracket(best)}{_remark(best)}."
    )
    return (
        first if best is worst else f"{first} Slowest {names.short(worst.target)}: {_bracket(worst)}{_remark(worst)}."
    )


def _bracket(row: Row) -> str:
    return figures.interval(row.ratio.spread) if row.ratio else ""


def _times(row: Row) -> str:
    median, _, rest = _bracket(row).partition(" ")
    return f"{median} times {rest}"


def _remark(row: Row) -> str:
    words = ["no winner"] * (not clear(row)) + limits(row)
    return f", {', '.join(words)}" if words else ""


def _cautions(rows: Sequence[Row]) -> list[str]:
    tally = Counter(row.verdict for row in rows)
    marks = Counter(mark for row in rows for mark in limits(row))
    lines = []
    if tally["INVALID"]:
        lines.append(f"{figures.cardinal(tally['INVALID'], 'row is', 'rows are')} INVALID: the server did not do the work, so no number is given.")  # fmt: skip
    if tally["INCONCLUSIVE"]:
        lines.append(f"{figures.cardinal(tally['INCONCLUSIVE'], 'row is', 'rows are')} INCONCLUSIVE: nothing could be measured well enough to give a number.")  # fmt: skip
    if marks["client-limited"]:
        lines.append(f"{figures.cardinal(marks['client-limited'], 'row is', 'rows are')} client-limited: the load generator was the bottleneck, so the rate is a lower bound, and the processor time per message says more.")  # fmt: skip
    if marks["saturated"]:
        lines.append(f"{figures.cardinal(marks['saturated'], 'row is', 'rows are')} saturated: the schedule asked for more than the server managed, so its latencies tell how long the run was.")  # fmt: skip
    return lines


def _some(words: Sequence[str]) -> str:
    if len(words) <= _NAMED + 1:
        return ", ".join(words)
    return f"{', '.join(words[:_NAMED])} and {len(words) - _NAMED} more"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
