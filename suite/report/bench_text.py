"""What `suite bench` prints: a table for each workload, the guard's bars, and the changes between two reports."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from suite.bench.compare import Change
from suite.bench.guard import Outcome
from suite.bench.results import BenchEvent, BenchFinished, BenchStarted, Ratio, Row, RowFinished, Spread, Step

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ("BenchText", "show_changes", "show_guard")

_STYLES = {
    "ok": "32", "MEASURED": "32", "faster": "32", "FAIL": "1;31", "INVALID": "1;31", "slower": "1;31", "broken": "1;31", "INCONCLUSIVE": "35",
    "dim": "2", "bold": "1",
}  # fmt: skip
_HEAD = ("target", "per second", "ratio", "", "by cpu", "p50 µs", "p99", "p99.9", "cpu µs/msg", "client")
_NOTES = (
    "per second: median of the slices; ratio: of the rates, median of the cycles with quartiles; by cpu: of messages per second of",
    "processor time; = where nobody has won: the cycles do not agree, or processor time does not and the generator may be why",
    "client: share of its processor that the load generator used; above 90 % (!) its pace is the generator's, not the server's",
)
_OPEN = "open loop: messages leave by a schedule, and latency counts from the moment it names, however long the server was busy"


class BenchText:
    """Prints a run to stdout, and its progress to stderr where that is a terminal."""

    def __init__(self, *, color: bool, quiet: bool = False) -> None:
        self._paint = _painter(color)
        self._quiet = quiet
        self._bar = _Bar(sys.stderr)
        self._rows: list[Row] = []

    def __call__(self, event: BenchEvent) -> None:
        """Take one event."""
        match event:
            case BenchStarted():
                self._bar.start()
            case Step():
                self._bar.step(event)
            case RowFinished(row):
                if self._rows and self._rows[-1].workload.name != row.workload.name:
                    self._table()
                self._rows.append(row)
            case BenchFinished():
                self._table()
                self._bar.stop()
                if not self._quiet:
                    self._end(event)

    def _table(self) -> None:
        rows, self._rows = self._rows, []
        if not rows or self._quiet:
            return
        self._bar.stop()
        workload = rows[0].workload
        extra = f", {workload.rate:,.0f} messages/s scheduled" if workload.mode == "open" and workload.rate else ""
        to = next((f"; ratio to {row.ratio.to}" for row in rows if row.ratio is not None), "")
        print(self._paint("bold", f"\n{workload.name}") + f" ({workload.mode}{extra}{to})")
        head = _HEAD if workload.mode != "open" else (*_HEAD[:-1], "missed")
        width = max(len(_HEAD[0]), *(len(row.target) for row in rows))
        print(self._paint("dim", _line(head, width)))
        for row in rows:
            if row.verdict != "MEASURED":
                print(f"{row.target:<{width}}  {self._paint(row.verdict, row.verdict)}: {row.reason}")
                if row.rate is None:
                    continue
            print(_line(_cells(row), width))
        for row in rows:
            self._more(row)
        sys.stdout.flush()

    def _more(self, row: Row) -> None:
        """Say what only some rows have."""
        said = []
        if row.syscalls:
            most = sorted((item for item in row.syscalls.items() if item[0] != "all"), key=lambda item: -item[1])[:3]
            said.append(
                f"{row.syscalls['all']:.2f} system calls per message ({', '.join(f'{n} {c:.2f}' for n, c in most)})"
            )
        if row.footprint is not None and row.footprint.idle_connection is not None:
            said.append(f"{row.footprint.idle_connection:.2f} KiB of memory per idle connection")
        if row.fairness is not None and row.fairness.jain < 0.95:
            said.append(
                f"uneven: {row.fairness.least} to {row.fairness.most} messages a client (Jain {row.fairness.jain:.2f})"
            )
        if row.verdict == "MEASURED" and row.reason:
            said.append(row.reason)
        if said:
            print(self._paint("dim", f"  {row.target}: {'; '.join(said)}"))

    def _end(self, event: BenchFinished) -> None:
        where = event.pinning
        pinned = (
            f"servers on processor {where['server'][0]}, generator on {where['generator'][0]}"
            if where["server"]
            else "nothing pinned"
        )
        print()
        for note in _NOTES + ((_OPEN,) if any(row.workload.mode == "open" for row in event.rows) else ()):
            print(self._paint("dim", note))
        tail = "interrupted: what was known by then" if event.interrupted else f"{len(event.rows)} rows"
        print(
            f"{tail} in {event.seconds:.0f} s; {pinned}; loopback of {event.environment['processor'] or 'this machine'}"
        )


def _cells(row: Row) -> tuple[str, ...]:
    latency = row.latency.percentiles if row.latency is not None else {}
    client = "" if row.client is None else f"{row.client:.0%}{'!' if row.client_limited else ''}"
    if row.missed is not None:
        client = f"{row.missed}{'!' if row.client_limited else ''}"
    return (
        row.target,
        f"{row.rate.median:,.0f}" if row.rate else "",
        *_ratio(row.ratio),
        "" if row.work is None else f"{row.work.spread.median:.2f}",
        *(f"{latency[name]:,.0f}" if name in latency else "-" for name in ("50", "99", "99.9")),
        f"{row.cpu.median:.1f}" if row.cpu else "",
        client,
    )


def _ratio(ratio: Ratio | None) -> tuple[str, str]:
    return (
        ("", "")
        if ratio is None
        else (f"{'' if ratio.clear else '='}{ratio.spread.median:.2f}", _interval(ratio.spread))
    )


def _interval(spread: Spread) -> str:
    return f"[{spread.q1:.2f}, {spread.q3:.2f}]"


def _line(cells: Sequence[str], width: int) -> str:
    name, rate, ratio, interval, *rest = cells
    return f"{name:<{width}}  {rate:>10}  {ratio:>6} {interval:<14}" + "".join(f"{cell:>11}" for cell in rest)


def show_guard(outcomes: Sequence[Outcome], *, color: bool) -> None:
    """Print the bars of `suite bench guard`, and what became of them."""
    paint = _painter(color)
    for outcome in outcomes:
        bar = outcome.bar
        sign, number = ("≥", bar.at_least) if bar.at_least is not None else ("≤", bar.at_most)
        what = bar.workload.name if bar.than is None else f"{bar.workload.name} / {bar.than.name}"
        who = bar.target if bar.than is not None else f"{bar.target} / {bar.to}"
        what += " p99" if bar.tail else ""
        aim = f", aim {bar.aim:g}" if bar.aim is not None else ""
        print(
            f"{paint(outcome.verdict, f'{outcome.verdict:<12}')} {who:<32} {what:<26} {sign} {number:g}{aim}: {outcome.seen}"
        )
    counts = {
        verdict: sum(outcome.verdict == verdict for outcome in outcomes) for verdict in ("ok", "FAIL", "INCONCLUSIVE")
    }
    others = "".join(f", {count} {verdict}" for verdict, count in counts.items() if count and verdict != "ok")
    print(
        f"{counts['ok']} of {len(outcomes)} bars hold{others}; a bar is missed when three quarters of the cycles miss it"
    )


def show_changes(changes: Sequence[Change], *, color: bool) -> None:
    """Print what `suite bench compare` found."""
    paint = _painter(color)
    width = max((len(f"{change.target} {change.workload}") for change in changes), default=0)
    for change in changes:
        name = f"{change.target} {change.workload}"
        if change.old is None or change.new is None:
            style = "dim" if change.verdict == "unjudged" else change.verdict
            print(f"{name:<{width}}  {paint(style, f'{change.verdict}: {change.reason}')}")
            continue
        old, new = (f"{median:.2f} [{low:.2f}, {high:.2f}]" for median, low, high in (change.old, change.new))
        remark = f" ({change.reason})" if change.reason else ""
        print(f"{name:<{width}}  {paint(change.verdict, f'{change.verdict:<6}')}  {old} -> {new}{remark}")
    if not changes:
        print("the new report has no rows")


def _painter(color: bool) -> Callable[[str, str], str]:
    def paint(style: str, text: str) -> str:
        return f"\033[{_STYLES[style]}m{text}\033[0m" if color and style in _STYLES else text

    return paint


class _Bar:
    """Progress with the time that is left at most."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress: Progress | None = None

    def start(self) -> None:
        if not self._stream.isatty() or os.environ.get("TERM") == "dumb":
            return
        from rich.console import Console  # noqa: PLC0415 - 90 ms that only a terminal pays
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("at most"), TimeRemainingColumn(),
            TextColumn("{task.fields[doing]}"), console=Console(file=self._stream), transient=True,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=None, doing="")

    def step(self, step: Step) -> None:
        if self._progress is not None:
            self._progress.start()
            self._progress.update(
                self._task, total=step.total, completed=step.done, description=step.target, doing=step.doing[:60]
            )

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
