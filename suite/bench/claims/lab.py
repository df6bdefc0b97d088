"""Where experiments run: servers on one processor, their load from another, and slices of it that take turns.

Rules of this file
- A premise that does not hold is a `Premise`, never a verdict: it says what is missing, in one phrase.
- What is compared is up at the same time and takes turns in an order drawn anew for each cycle, so that a change of the
  machine's mood meets all of them.
- Connections end before their server is stopped: one with clients would use up its grace.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Self

from suite import registry
from suite.bench import place, watch
from suite.bench.generator import Generator, Wrong
from suite.bench.results import Workload
from suite.process import Server, command_of
from suite.registry import Variant

__all__ = ("SPARE", "Fault", "Lab", "Load", "Premise", "Rig", "Sample")

SPARE = 100
"""Descriptors that a process needs besides its connections."""
ENOUGH = 20
"""Messages below which a slice says nothing, and is lengthened."""
LONGER = 5
"""Times that a slice is lengthened at most."""


class Premise(Exception):  # noqa: N818 - no error: what this machine or moment lacks
    """The experiment cannot tell; the text says why."""


class Fault(Premise):
    """A server did not do its work, so there is no figure; `variant` names it."""

    def __init__(self, variant: str, wrong: Wrong) -> None:
        super().__init__(f"{variant} did not do its work: {wrong}")
        self.variant = variant


@contextmanager
def _blaming(variant: str) -> Iterator[None]:
    try:
        yield
    except Wrong as wrong:
        raise Fault(variant, wrong) from None


@dataclass(frozen=True, slots=True)
class Sample:
    """What one slice gave: messages (or connections) a second, and microseconds of server processor time for each."""

    rate: float
    cpu: float


class Lab:
    """What experiments are given.

    Args:
        pinning: processors of servers and generator.
        descriptors: that a process may open.
        seed: of payloads and of the order of slices.
        patience: seconds after which an experiment stops repeating itself.
    """

    def __init__(self, pinning: place.Pinning, descriptors: int, seed: int, patience: float = 25.0) -> None:
        self.pinning = pinning
        self.descriptors = descriptors
        self.seed = seed
        self.random = Random(seed)
        self._patience = patience

    def variant(self, name: str) -> Variant:
        """Return the variant called so.

        Raises:
            Premise: there is none, or a library that it needs is missing.
        """
        for row in registry.VARIANTS:
            if row.name == name:
                if reason := row.unavailable():
                    raise Premise(f"{name} is unavailable: {reason}")
                return row
        raise Premise(f"there is no variant {name} here")

    def room(self, descriptors: int) -> None:
        """Make sure that a process may open so many descriptors.

        Raises:
            Premise: it may not.
        """
        if descriptors > self.descriptors:
            raise Premise(f"{descriptors} descriptors are needed and {self.descriptors} allowed; raise `ulimit -Hn`")

    @contextmanager
    def server(self, name: str, *, connections: int = 0, wrapper: Sequence[str] = ()) -> Iterator[Server]:
        """Run a server with room for so many connections, through a wrapper command that execs it if one is given.

        Raises:
            Premise: it is not to be had, or this machine allows fewer descriptors.
            TargetError: it did not start.
        """
        words = [*wrapper, *command_of(self.variant(name))]
        self.room(connections + SPARE)
        with place.on(self.pinning.server):
            server = Server.start(words, nofile=min(self.descriptors, max(connections + SPARE, 1024)))
        with server:
            yield server

    def load(self) -> "Load":
        """Return a load generator with no server yet."""
        return Load(self)

    def cycles(self, rigs: Sequence["Rig"], seconds: float, least: int, most: int) -> Iterator[tuple[Sample, ...]]:
        """Yield samples of all rigs, a slice each, at least so often; after that, until `most` or patience runs out."""
        end = time.monotonic() + self._patience
        for number in range(most):
            if number >= least and time.monotonic() > end:
                return
            found = {rig: rig.run(seconds) for rig in self.random.sample(rigs, len(rigs))}
            yield tuple(found[rig] for rig in rigs)


class Rig:
    """A server under a load, ready for slices.

    Args:
        variant: of the server.
        server: the server.
        generator: where the load comes from.
        name: what the generator calls it.
        usage: returns the seconds of processor time that the server has used so far.
    """

    def __init__(self, variant: str, server: Server, generator: Generator, name: str, usage: Callable[[], float]) -> None:  # fmt: skip
        self.variant = variant
        self.server = server
        self._generator = generator
        self._name = name
        self._usage = usage

    def hold(self, count: int) -> None:
        """Connect further clients that stay silent.

        Raises:
            Fault: the server does not serve them.
        """
        with _blaming(self.variant):
            self._generator.hold(self._name, count)

    def run(self, seconds: float) -> Sample:
        """Load the server for so long, longer where that gives too few messages.

        Raises:
            Fault: the server did not do its work.
            Premise: it did next to none.
        """
        messages, lasted, used = 0, 0.0, 0.0
        for _ in range(LONGER):
            before = self._usage()
            with _blaming(self.variant):
                part = self._generator.run(self._name, seconds)
            used += self._usage() - before
            messages += part.messages
            lasted += part.seconds
            if messages >= ENOUGH:
                return Sample(messages / lasted, used / messages * 1e6)
        raise Premise(f"{self.variant} answered only {messages} messages in {lasted:.1f} s")


class Load:
    """One generator and the servers that it loads; a context manager that ends them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._stack = ExitStack()
        self._opened = 0

    def __enter__(self) -> Self:
        self.generator = self._stack.enter_context(Generator(self._lab.pinning.generator))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:  # fmt: skip
        self._stack.__exit__(kind, error, trace)  # how it ends decides whether servers are stopped or killed

    def add(self, variant: str, workload: Workload, *, room: int = 0) -> Rig:
        """Start a server and connect a workload's clients, the idle ones too; `room` is for more to come.

        Raises:
            Premise: this machine cannot have it, or does not tell what it costs.
            TargetError: the server did not start.
            Fault: it does not serve these clients.
        """
        connections = workload.connections + workload.idle + room
        self._lab.room(connections + SPARE)
        server = self._stack.enter_context(self._lab.server(variant, connections=connections))
        return self._connect(variant, server, workload)

    def more(self, rig: Rig, workload: Workload) -> Rig:
        """Connect further clients to a server that runs, to be loaded for themselves.

        Raises:
            Fault: it does not serve these clients.
        """
        return self._connect(rig.variant, rig.server, workload)

    def _connect(self, variant: str, server: Server, workload: Workload) -> Rig:
        self._opened += 1
        name = str(self._opened)
        self._stack.callback(self.generator.close, name)
        with _blaming(variant):
            self.generator.open(name, server.address, workload, self._lab.seed + self._opened)
            if workload.idle:
                self.generator.hold(name, workload.idle)
        if workload.mode == "churn":
            # Threads and processes that have ended are in no schedstat any more; their time is in the tree's totals.
            return Rig(variant, server, self.generator, name, lambda: server.census().cpu)
        pids = server.tree()
        if not watch.usage(pids).cpu:
            raise Premise("processor time cannot be read here: /proc/PID/task/TID/schedstat")
        return Rig(variant, server, self.generator, name, lambda: watch.usage(pids).cpu)
