"""What a benchmark finds: frozen dataclasses that the runner tells and the reports consume.

A run is BenchStarted, then RowFinished for each target and workload with `Step` in between, and last BenchFinished.
`asdict` of BenchFinished is the JSON report, format 1.
"""

from dataclasses import dataclass, field
from typing import Any

__all__ = (
    "FORMAT", "BenchEvent", "BenchFinished", "BenchStarted", "Fairness", "Footprint", "Latency", "Ratio", "Row",
    "RowFinished", "Spread", "Step", "Workload",
)  # fmt: skip

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Workload:
    """What the clients do.

    Attributes:
        mode: "closed" (a client waits for its answer before it sends again), "open" (messages leave by a schedule,
            whatever comes back) or "churn" (connect, echo once, close).
        connections: active clients at once.
        size: bytes of a message.
        depth: messages of a client under way at once (closed).
        idle: further clients that stay connected and say nothing.
        rate: messages a second of all clients together (open); None takes half of what the slowest server managed.
    """

    mode: str = "closed"
    connections: int = 50
    size: int = 1024
    depth: int = 1
    idle: int = 0
    rate: float | None = None

    @property
    def name(self) -> str:
        """A short name: `50x1KiB`, `50x64KiB`, `50x64B-d16`, `50x64B+9000idle`, `50x1KiB-open`, `churn-1KiB`."""
        size = f"{self.size >> 10}KiB" if self.size >= 1024 and self.size % 1024 == 0 else f"{self.size}B"
        if self.mode == "churn":
            return f"churn-{size}"
        extra = f"-d{self.depth}" * (self.depth > 1) + f"+{self.idle}idle" * (self.idle > 0)
        return f"{self.connections}x{size}{extra}" + "-open" * (self.mode == "open")


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and the quartiles around it, of so many values."""

    median: float
    q1: float
    q3: float
    count: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """How a target's rate compares with another's in the same cycles.

    Attributes:
        to: the other target.
        spread: of the ratios of single cycles, above 1 where this target is faster.
        clear: there is a winner: nine tenths of the cycles agree who it is, and where the generator may have set the
            pace so does the processor time; it is never clear of a server that suite did not start.
    """

    to: str
    spread: Spread
    clear: bool


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in microseconds, by name ("50", "99.9"); none is given that has fewer than ten samples beyond it.

    Attributes:
        count: samples.
        percentiles: by name.
        highest: the largest.
        histogram: all of them, as HdrHistogram's compressed base64 (`HdrHistogram.decode`), microseconds.
        slices: each slice's 99th percentile, least to most.
    """

    count: int
    percentiles: dict[str, float]
    highest: float
    histogram: str
    slices: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Fairness:
    """How evenly clients were served: Jain's index (1 is even), the fewest and most messages, the longest wait in seconds."""

    jain: float
    least: int
    most: int
    longest: float


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the server's whole process tree holds while the clients of a workload are connected.

    Attributes:
        pss: KiB, each page shared by n processes counted 1/n; None where /proc does not tell.
        private: KiB that it alone holds.
        processes, threads, fds: counts.
        idle_connection: KiB of user memory that one idle connection added; None where there were none.
    """

    pss: float | None
    private: float | None
    processes: int
    threads: int
    fds: int
    idle_connection: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One target under one workload.

    Attributes:
        verdict: "MEASURED", "INVALID" (it did not do the work: no number is given) or "INCONCLUSIVE".
        reason: why it is not "MEASURED", or what limits what it says; one phrase.
        messages, seconds: echoed, or connections for churn; and the time of all slices.
        rate: messages a second, of slices.
        ratio: against the reference; None for the reference itself.
        work: the same of messages per second of the servers' processor time, which no generator limits; None where that
            is not known.
        latency: closed: of a round trip; open: from the intended time of sending; churn: from connect to the answer.
        cpu: microseconds of server processor time per message, of slices.
        switches: context switches of the server per message.
        client: share of its processor that the generator used; above 0.9 the row is a lower bound.
        missed: scheduled messages that left more than a millisecond late (open).
        syscalls: of the server per message, by system call and "all"; None where they were not counted.
    """

    target: str
    workload: Workload
    verdict: str
    reason: str = ""
    messages: int = 0
    seconds: float = 0.0
    rate: Spread | None = None
    ratio: Ratio | None = None
    work: Ratio | None = None
    latency: Latency | None = None
    cpu: Spread | None = None
    switches: float | None = None
    client: float | None = None
    client_limited: bool = False
    missed: int | None = None
    fairness: Fairness | None = None
    footprint: Footprint | None = None
    syscalls: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class BenchStarted:
    """A run begins.

    Attributes:
        targets: as the user called them, the reference first.
        pinning: processors of servers and of the generator; empty lists where nothing is pinned.
    """

    targets: tuple[str, ...]
    workloads: tuple[Workload, ...]
    pinning: dict[str, list[int]]
    environment: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is: `done` of `total` seconds of the budget at most."""

    target: str
    doing: str
    done: float
    total: float


@dataclass(frozen=True, slots=True)
class RowFinished:
    """A row is known."""

    row: Row


@dataclass(frozen=True, slots=True)
class BenchFinished:
    """The run is over; this is the report.

    Attributes:
        options: seed, gate and seconds, as the run was asked for.
    """

    tool: str
    version: str
    targets: tuple[str, ...]
    rows: tuple[Row, ...]
    pinning: dict[str, list[int]]
    environment: dict[str, Any]
    seconds: float
    interrupted: bool
    exit: int
    options: dict[str, Any] = field(default_factory=dict)
    format: int = field(default=FORMAT)


BenchEvent = BenchStarted | Step | RowFinished | BenchFinished
