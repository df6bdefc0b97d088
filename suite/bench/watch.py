"""What a server's process tree costs: processor time, memory, descriptors, context switches, system calls."""

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from suite.bench.results import Footprint
from suite.process import Server

__all__ = ("Usage", "count_calls", "footprint", "usage")

PROCESS_CLOCK = 2
"""CPUCLOCK_SCHED: the clock of a process, as glibc's clock_getcpuclockid(3) makes its number of a pid."""
ATTACH = 5.0
"""Seconds that strace(1) may take to attach or to let go."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds and context switches of a tree so far; the difference of two is what a slice cost."""

    cpu: float
    switches: int

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(self.cpu - other.cpu, self.switches - other.switches)


def usage(pids: Collection[int]) -> Usage:
    """Read what these processes have used, threads that have ended included.

    So does each process' clock (clock_getcpuclockid(3)); children that were waited for are added from /proc/PID/stat
    (proc(5): cutime and cstime, in ticks of ten milliseconds). Context switches are those of live threads.
    """
    cpu, switches = 0.0, 0
    for pid in pids:
        with suppress(OSError):
            cpu += time.clock_gettime(~pid << 3 | PROCESS_CLOCK)
        for task in _tasks(pid):
            with suppress(OSError, IndexError, ValueError):
                status = (task / "status").read_text()
                switches += sum(int(number) for number in re.findall(r"ctxt_switches:\s*(\d+)", status))
        with suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            cpu += (int(fields[13]) + int(fields[14])) / 100
    return Usage(cpu, switches)


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def footprint(pids: Collection[int]) -> Footprint:
    """Count what these processes hold now."""
    pss = private = 0.0
    known = True
    threads = fds = 0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            pss += int(re.search(r"^Pss:\s*(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]
            private += sum(int(number) for number in re.findall(r"^Private_\w+:\s*(\d+)", rollup, re.MULTILINE))
            fds += len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except (OSError, TypeError):
            known = False
        threads += len(_tasks(pid))
    return Footprint(pss if known else None, private if known else None, len(pids), threads, fds)


@contextmanager
def count_calls(server: Server) -> Iterator[dict[str, int]]:
    """Count the system calls of a server's tree meanwhile; the dict is filled at the end, empty where strace(1) cannot.

    It slows the server down, so nothing is timed meanwhile.
    """
    calls: dict[str, int] = {}
    if shutil.which("strace") is None:
        yield calls
        return
    with tempfile.NamedTemporaryFile("r", prefix="suite-calls-") as out:
        words = ["strace", "-f", "-qq", "-c", "-o", out.name, *(f"-p{pid}" for pid in server.tree())]
        strace = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + ATTACH
            while not _traced(server) and strace.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            yield calls
        finally:
            with suppress(ProcessLookupError):
                strace.send_signal(signal.SIGINT)
            try:
                strace.wait(ATTACH)
            except subprocess.TimeoutExpired:
                strace.kill()
                strace.wait()
        calls.update(_counted(out.read()))


def _traced(server: Server) -> bool:
    tracers = []
    for pid in server.tree():
        for task in _tasks(pid):
            with suppress(OSError):
                tracers.append(re.search(r"TracerPid:\s*(\d+)", (task / "status").read_text()))
    return bool(tracers) and all(found is not None and found[1] != "0" for found in tracers)


def _counted(table: str) -> dict[str, int]:
    """Read strace's summary: the fourth column is calls, the last the name."""
    calls: dict[str, int] = {}
    for line in table.splitlines():
        words = line.split()
        if len(words) >= 5 and words[0][:1].isdigit() and words[3].isdigit() and words[-1] != "total":
            calls[words[-1]] = int(words[3])
    return calls
