"""Where a benchmark runs: which processors, which machine, and that no other runs beside it."""

import os
import platform
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from suite.errors import UsageError

__all__ = ("Pinning", "alone", "choose", "environment", "on")

_LIBRARIES = ("twisted", "trio", "uvloop", "gevent", "hypothesis")
_SYSCTLS = (
    "net/core/somaxconn", "net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem", "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_congestion_control", "net/ipv4/tcp_max_syn_backlog",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pinning:
    """Processors of the servers and of the generator; none where they are not pinned, and why not."""

    server: tuple[int, ...] = ()
    generator: tuple[int, ...] = ()
    why: str = ""

    def as_dict(self) -> dict[str, list[int]]:
        """Return the two lists, as reports have them."""
        return {"server": list(self.server), "generator": list(self.generator)}


def choose() -> Pinning:
    """Give servers one processor and the generator another, both of those we may use."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return Pinning(why="one processor only: servers and generator share it, so no row can be compared")
    try:
        os.sched_setaffinity(0, cpus)
    except OSError as error:
        return Pinning(why=f"processes cannot be pinned here: {error.strerror}")
    # Two threads of one core share its units: the generator takes another core where there is one.
    siblings = _siblings(cpus[0])
    return Pinning((cpus[0],), (next((cpu for cpu in cpus[1:] if cpu not in siblings), cpus[1]),))


@contextmanager
def on(cpus: Collection[int]) -> Iterator[None]:
    """Start processes on these processors: they inherit ours meanwhile (sched_setaffinity(2))."""
    before = os.sched_getaffinity(0)
    if cpus:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def alone() -> Iterator[None]:
    """Make sure that no other measurement runs on this machine; the name is gone with the process (unix(7), abstract).

    Raises:
        UsageError: one does.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind("\0suite-bench")
        except OSError:
            raise UsageError(
                "another measurement of suite is running here, and both would be wrong; wait for it to end"
            ) from None
        yield


def environment() -> dict[str, Any]:
    """Describe machine, kernel, limits and versions."""
    versions = {}
    for name in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    sysctls = {}
    for name in _SYSCTLS:
        with suppress(OSError):
            sysctls[name.replace("/", ".")] = " ".join(Path("/proc/sys", name).read_text().split())
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "load": list(os.getloadavg()),
        "steal": _steal(),
        "nofile": os.sysconf("SC_OPEN_MAX"),
        "versions": versions,
        "sysctls": sysctls,
        "platform": sys.platform,
    }


def _siblings(cpu: int) -> set[int]:
    """Return the processors that are threads of the same core; sysfs, topology/thread_siblings_list: 0,4 or 0-1."""
    with suppress(OSError, ValueError):
        listed = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text().strip()
        ranges = [part.split("-") for part in listed.split(",")]
        return {number for ends in ranges for number in range(int(ends[0]), int(ends[-1]) + 1)}
    return {cpu}


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _steal() -> float | None:
    """Return the share of time since boot that a hypervisor gave to others; proc(5), /proc/stat."""
    with suppress(OSError, IndexError, ZeroDivisionError, ValueError):
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return round(fields[7] / sum(fields[:8]), 4)
    return None
