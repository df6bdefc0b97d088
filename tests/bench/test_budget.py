"""What does not depend on the clock must not get worse: system calls per message, memory per idle connection.

The bars leave a quarter above what was measured when they were set (docs/performance.md has the figures).
"""

import shutil

import pytest

from suite import registry
from suite.bench.place import choose
from suite.bench.results import BenchEvent, Row, Workload
from suite.bench.runner import Cell, Contender, Group, Runner
from suite.process import command_of

CALLS = {"raw-epoll": 2.2, "twisted-epoll": 2.2, "trio": 3.2, "raw-uring": 0.5}
IDLE = {"raw-epoll": (2000, 0.6), "twisted-epoll": (2000, 2.5), "trio": (2000, 4.5), "raw-thread": (400, 24.0)}


def measure(name: str, workload: Workload, *, syscalls: bool = False) -> Row:
    variant = registry.find(name)
    if reason := variant.unavailable():
        pytest.skip(reason)
    events: list[BenchEvent] = []
    runner = Runner(choose(), events.append, syscalls=syscalls, least=1)
    (row,) = runner.run([Group((Cell(Contender(name, tuple(command_of(variant))), workload),), 0.1)]).rows
    assert row.reason == "" or row.client_limited or row.verdict == "INCONCLUSIVE", row.reason
    return row


@pytest.mark.parametrize("name", CALLS)
def test_system_calls_per_message(name: str) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if name not in {row.name for row in registry.VARIANTS}:
        pytest.skip(f"no variant {name}")
    calls = measure(name, Workload(size=64), syscalls=True).syscalls
    assert calls is not None
    assert calls["all"] <= CALLS[name], calls


@pytest.mark.parametrize("name", IDLE)
def test_memory_of_an_idle_connection(name: str) -> None:
    idle, most = IDLE[name]
    held = measure(name, Workload(connections=2, size=64, idle=idle)).footprint
    assert held is not None
    assert held.idle_connection is not None
    assert 0 < held.idle_connection <= most
