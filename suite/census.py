"""What the processes of a server hold and use, counted in /proc (proc(5)): descriptors, threads, memory, processor time."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ("Census", "count", "tree_of")

_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Census:
    """What a process tree held at one moment.

    Attributes:
        processes: live ones.
        zombies: ended ones that nobody has waited for.
        threads: of all live processes together.
        descriptors: the same.
        fullest: descriptors of the process that has most.
        memory: bytes, shared pages counted in part (the kernel's "proportional set size").
        cpu: seconds of processor time used by the live processes and by those they have waited for.
        wanted: seconds that live threads have run or waited for a processor (schedstat): what spins wants one all the
            time, also on a machine too busy to give it.
    """

    processes: int
    zombies: int
    threads: int
    descriptors: int
    fullest: int
    memory: int
    cpu: float
    wanted: float


def count(pids: Iterable[int]) -> Census:
    """Count what these processes hold; one that has ended counts nothing, one that cannot be looked at only itself."""
    processes = zombies = threads = descriptors = fullest = memory = 0
    cpu = wanted = 0.0
    for pid in pids:
        try:
            state, ticks, alive = _stat(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state == "Z":
            zombies += 1
            continue
        processes += 1
        threads += alive
        cpu += ticks * _TICK
        try:
            held = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
            memory += _memory(pid)
            wanted += _wanted(pid)
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
        descriptors += held
        fullest = max(fullest, held)
    return Census(processes, zombies, threads, descriptors, fullest, memory, cpu, wanted)


def _wanted(pid: int) -> float:
    """Return seconds run and waited to run, of all threads; sched-stats in the kernel's documentation has the fields."""
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            run, waited, _ = (thread / "schedstat").read_text(encoding="ascii").split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        nanoseconds += int(run) + int(waited)
    return nanoseconds / 1e9


def tree_of(pid: int) -> list[int]:
    """Return a process and all its descendants, zombies included; empty once it has ended."""
    children: dict[int, list[int]] = {}
    for name in (entry.name for entry in Path("/proc").iterdir()):
        if name.isdigit():
            try:
                parent = int(_fields(int(name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(name))
    if not Path(f"/proc/{pid}").exists():
        return []
    found = [pid]
    for parent in found:
        found += children.get(parent, ())
    return found


def _fields(pid: int) -> list[str]:
    # The name in parentheses may hold anything, blanks and parentheses too.
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()


def _stat(pid: int) -> tuple[str, int, int]:
    """Return state, clock ticks used (own and waited-for), and the number of threads."""
    fields = _fields(pid)
    return fields[0], sum(map(int, fields[11:15])), int(fields[17])


def _memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
