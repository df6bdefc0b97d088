"""The load generator as the runner sees it: a process of its own, on a processor of its own."""

import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Self

from suite.bench.dial import Wrong
from suite.bench.results import Workload
from suite.errors import HarnessError

__all__ = ("Generator", "Slice", "Wrong")


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice gave.

    Attributes:
        messages: sent and answered; for a churn, connections.
        seconds: from the first send to the last answer.
        histogram: of latencies in microseconds, as HdrHistogram encodes it.
        highest: the longest, in seconds.
        counts: messages of each client.
        missed: messages that left late.
        cpu: processor seconds of the generator, waiting for the last answers included.
    """

    messages: int
    seconds: float
    histogram: str
    highest: float
    counts: list[int]
    missed: int
    cpu: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


class Generator:
    """A running load generator; a context manager that ends it.

    Args:
        cpus: processors that it may use; none leaves it free.
    """

    def __init__(self, cpus: Collection[int] = ()) -> None:
        pin = f"import os; os.sched_setaffinity(0, {sorted(cpus)}); " if cpus else ""
        code = f"{pin}from suite.bench.worker import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
            process.wait(2)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            process.kill()
        process.wait()
        process.stdout.close()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def open(self, name: str, address: tuple[str, int], workload: Workload, seed: int = 1) -> None:
        """Connect the clients of a workload to a server; `run` and the others call them by `name`.

        Raises:
            Wrong: the server does not serve them.
            HarnessError: our own descriptors or ports ran out.
        """
        host, port = address
        self._ask(do="open", name=name, host=host, port=port, workload=asdict(workload), seed=seed)

    def hold(self, name: str, count: int) -> None:
        """Connect further clients that say nothing after their first byte.

        Raises:
            Wrong: the server does not serve them.
            HarnessError: our own descriptors or ports ran out.
        """
        self._ask(do="hold", name=name, count=count)

    def held(self, name: str) -> None:
        """See that those clients are connected still.

        Raises:
            Wrong: some are not.
        """
        self._ask(do="held", name=name)

    def run(self, name: str, seconds: float, rate: float | None = None) -> Slice:
        """Load a server for so many seconds.

        Raises:
            Wrong: the server did not do its work.
            HarnessError: the generator failed.
        """
        return Slice(**self._ask(do="run", name=name, seconds=seconds, rate=rate))

    def close(self, name: str) -> None:
        """Close the connections to a server; harmless where `open` failed."""
        self._ask(do="close", name=name)

    def _ask(self, **order: Any) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps(order) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise HarnessError("the load generator ended unexpectedly; it says why above")
        answer = json.loads(line)
        if "wrong" in answer:
            raise Wrong(answer["wrong"])
        if "error" in answer:
            raise HarnessError(f"the load generator cannot go on: {answer['error']}; fewer connections may do")
        return answer["ok"]
