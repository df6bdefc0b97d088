"""`suite bench --json FILE --csv FILE`: the whole report, and one line of figures for each row."""

import csv
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite.bench.results import BenchEvent, BenchFinished, Row, Spread
from suite.report.file import ReportFile

__all__ = ("BenchFiles",)

_COLUMNS = (
    "target", "workload", "mode", "connections", "size", "depth", "idle", "scheduled_rate", "verdict", "reason",
    "messages", "seconds", "rate_median", "rate_q1", "rate_q3", "ratio_to", "ratio_median", "ratio_q1", "ratio_q3", "ratio_clear", "work_median",
    "p50_us", "p90_us", "p99_us", "p99.9_us", "p99.99_us", "highest_us", "samples", "cpu_us_per_message", "switches_per_message",
    "syscalls_per_message", "client_share", "client_limited", "missed", "jain", "longest_stall_s", "pss_kib", "threads",
    "processes", "fds", "kib_per_idle_connection",
)  # fmt: skip


class BenchFiles:
    """Writes them when the run is over, interrupted or not.

    Raises:
        UsageError: a file cannot be written.
    """

    def __init__(self, json_path: Path | None, csv_path: Path | None) -> None:
        self._json = None if json_path is None else ReportFile(json_path, "--json")
        self._csv = None if csv_path is None else ReportFile(csv_path, "--csv")

    def __call__(self, event: BenchEvent) -> None:
        """Take one event.

        Raises:
            HarnessError: the disk is full.
        """
        if not isinstance(event, BenchFinished):
            return
        try:
            if self._json is not None:
                self._json.write(json.dumps(asdict(event), indent=1, ensure_ascii=False) + "\n")
                self._json.close()
        finally:
            self._write_csv(event)

    def _write_csv(self, event: BenchFinished) -> None:
        if self._csv is not None:
            text = io.StringIO()
            table = csv.writer(text, lineterminator="\n")
            table.writerow(_COLUMNS)
            table.writerows(_figures(row) for row in event.rows)
            self._csv.write(text.getvalue())
            self._csv.close()


def _figures(row: Row) -> list[Any]:
    work, held, fair = row.workload, row.footprint, row.fairness
    percentiles = row.latency.percentiles if row.latency is not None else {}
    ratio = row.ratio
    return [
        row.target, work.name, work.mode, work.connections, work.size, work.depth, work.idle, work.rate, row.verdict, row.reason,
        row.messages, row.seconds, *_spread(row.rate),
        *((ratio.to, *_spread(ratio.spread), ratio.clear) if ratio is not None else (None,) * 5),
        row.work.spread.median if row.work is not None else None,
        *(percentiles.get(name) for name in ("50", "90", "99", "99.9", "99.99")),
        *((row.latency.highest, row.latency.count) if row.latency is not None else (None, None)),
        row.cpu.median if row.cpu is not None else None, row.switches,
        row.syscalls["all"] if row.syscalls else None, row.client, row.client_limited, row.missed,
        *((fair.jain, fair.longest) if fair is not None else (None, None)),
        *((held.pss, held.threads, held.processes, held.fds, held.idle_connection) if held is not None else (None,) * 5),
    ]  # fmt: skip


def _spread(spread: Spread | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if spread is None else (spread.median, spread.q1, spread.q3)
