"""What a client costs in memory, and whose memory it is: processes copy, threads share."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from suite.bench import watch
from suite.bench.claims.judging import FAIL, PASS, at_least, doubtful, shown, spread
from suite.bench.claims.lab import SPARE, Lab, Premise
from suite.bench.claims.trial import Finding, Trial
from suite.bench.findings import Plot, Point, Series
from suite.bench.results import Workload

__all__ = ("TRIALS", "Held", "judge_memory", "judge_sharing", "process_memory", "threads_share")

DEARER = 10.0
"""Times: measured 27 (490 KiB against 18 KiB for each client of bare servers) to 68 (1349 against 20 of these)."""
ROOM = 1 << 30
"""Bytes that have to be free: two hundred processes take a tenth of it, and what swaps measures nothing."""
SCRIPT = Path(__file__).with_name("_sharing.py")


@dataclass(frozen=True, slots=True)
class Held:
    """What a server's tree held with so many clients, in KiB; `gone` is what the whole machine had less available."""

    clients: int
    pss: float
    private: float
    gone: float


def process_memory(lab: Lab, *, steps: Sequence[int] = (10, 50, 100, 150, 200)) -> Finding:
    """Connect more and more idle clients to both servers, and look at their trees in between."""
    lab.room(steps[-1] + SPARE)
    if psutil.virtual_memory().available < ROOM:
        raise Premise(f"less than {ROOM >> 20} MiB of memory are available here")
    return judge_memory({variant: _held(lab, variant, steps) for variant in ("raw-fork", "raw-thread")})


def _held(lab: Lab, variant: str, steps: Sequence[int]) -> list[Held]:
    rows: list[Held] = []
    with lab.load() as load:
        before = psutil.virtual_memory().available
        rig = load.add(variant, Workload(connections=1, size=64, idle=steps[0] - 1), room=steps[-1])
        for step, following in pairwise((*steps, 0)):
            found = watch.footprint(rig.server.tree())
            if found.pss is None or found.private is None:
                raise Premise("/proc/PID/smaps_rollup cannot be read here")
            gone = (before - psutil.virtual_memory().available) / 1024
            rows.append(Held(step, found.pss, found.private, gone))
            if following:
                rig.hold(following - step)
    return rows


def judge_memory(held: dict[str, list[Held]]) -> Finding:
    """Judge that a client of `raw-fork` takes ten times what one of `raw-thread` takes."""
    process, thread = _per_client(held["raw-fork"], "pss"), _per_client(held["raw-thread"], "pss")
    # A thread may take nothing new for a while: the allocator hands out what others have given back.
    ratio = spread([one / max(spread(thread).median, 0.1) for one in process])
    verdict = at_least(ratio, DEARER)
    figures: dict[str, Any] = {"ratio": asdict(ratio)}
    words = []
    for variant, rows in held.items():
        kib = {name: round(spread(_per_client(rows, name)).median, 1) for name in ("pss", "private")}
        # Of the whole machine, so others' allocations are in it: from the first look to the last they weigh least.
        kib["gone"] = round(_per_client((rows[0], rows[-1]), "gone")[0], 1)
        figures[variant] = {"kib_per_client": kib, "held": [asdict(row) for row in rows]}
        words.append(f"{variant} {kib['pss']:.0f} KiB of PSS ({kib['private']:.0f} KiB private; the whole machine's MemAvailable {-kib['gone']:+.0f} KiB)")  # fmt: skip
    return Finding(
        verdict,
        f"for each client {' and '.join(words)}: {shown(ratio, '.1f')} times{doubtful(verdict)}",
        figures,
        Plot(
            "clients", "KiB of PSS above the first look",
            tuple(Series(variant, tuple(Point(row.clients, row.pss - rows[0].pss) for row in rows)) for variant, rows in held.items()),
        ),
    )  # fmt: skip


def _per_client(rows: Sequence[Held], name: str) -> list[float]:
    return [(getattr(b, name) - getattr(a, name)) / (b.clients - a.clients) for a, b in pairwise(rows)]


def threads_share(_lab: Lab, *, workers: int = 4, rounds: int = 1000, mebibytes: int = 32) -> Finding:
    """Have a program of its own count with threads, then with processes, and write to memory that it forked with."""
    words = [sys.executable, "-I", "-S", str(SCRIPT), str(workers), str(rounds), str(mebibytes)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise Premise(f"the program that counts ended with status {done.returncode}: {last[0]}")
    return judge_sharing(json.loads(done.stdout), workers, rounds)


def judge_sharing(told: dict[str, Any], workers: int, rounds: int) -> Finding:
    """Judge what the program tells: see there."""
    total = workers * rounds
    touched, before, after = told["touched"], told["own_before"], told["own_after"]
    grown = after - before
    faults = []
    if told["threads"] != [total] * workers:
        faults.append(f"threads that had counted to {total} together saw {told['threads']}")
    if told["children"] != [rounds] * workers or told["parent"] != 0:
        faults.append(f"children that counted to {rounds} each saw {told['children']}, their parent {told['parent']}")
    if before > touched / 2 or not 0.9 * touched <= grown <= 1.5 * touched:
        faults.append(f"a child that wrote to {touched} KiB had {before} KiB of its own before and {after} KiB after")
    return Finding(
        FAIL if faults else PASS,
        "; ".join(faults)
        or f"{workers} threads counted one counter to {total} and all saw it; {workers} children counted a copy each to {rounds}, and their parent's stayed 0; a child had {before} KiB of its own of {told['held']} KiB, and {after} KiB after it had written to {touched} KiB",
        told,
        Plot(
            "memory of a forked child that is its own", "KiB",
            (Series("child", (Point(0, before), Point(1, after))), Series("written to", (Point(0, 0), Point(1, touched)))),
            bars=True, labels=("before it writes", "after"),
        ),
    )  # fmt: skip


TRIALS = (
    Trial(
        "process-memory",
        "A process per client costs far more memory than a thread per client.",
        f"each further client takes at least {DEARER:.0f} times the PSS with a process of its own: measured 27 to 68",
        "the tutorials' warning against thousands of processes; PSS and not RSS, which counts shared pages in each: proc(5)",
        process_memory,
    ),
    Trial(
        "threads-share",
        "Threads share one memory; a forked child has a copy, which is made page by page as it is written to.",
        "all threads see the sum, each child only its own count and the parent none; a child's own memory grows by 0.9 to 1.5 times what it writes to: page tables and the interpreter add some",
        "pthreads(7): threads share process attributes and memory; fork(2): pages are copied on write",
        threads_share,
    ),
)
