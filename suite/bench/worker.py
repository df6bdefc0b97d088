"""The load generator's own process: `python -m suite.bench.worker`, told by lines of JSON what to do.

    {"do": "open", "name": "A", "host": …, "port": …, "workload": {…}, "seed": 1}
    {"do": "hold", "name": "A", "count": 9000}
    {"do": "held", "name": "A"}
    {"do": "run", "name": "A", "seconds": 0.15, "rate": null}
    {"do": "close", "name": "A"}

Each is answered by one line: {"ok": …} or {"wrong": "the server's fault"} or {"error": "ours"}. It ends with its input.
"""

import gc
import json
import signal
import sys
from collections import Counter
from typing import Any

from hdrh.histogram import HdrHistogram

from suite.bench.churn import Churn
from suite.bench.dial import Measured, Wrong
from suite.bench.figures import HIGHEST
from suite.bench.load import Clients, open_load
from suite.bench.results import Workload

__all__ = ("main",)


def main() -> None:
    """Obey until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this process decides
    gc.disable()  # nothing here makes cycles, and a collection in mid-slice would be read as the server's pause
    loads: dict[str, Clients | Churn] = {}
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer: dict[str, Any] = {"ok": _obey(order, loads)}
        except Wrong as wrong:
            answer = {"wrong": str(wrong)}
        except MemoryError:
            answer = {"error": "out of memory"}
        except OSError as error:
            answer = {"error": f"{error.strerror or error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201 - this is how it answers


def _obey(order: dict[str, Any], loads: dict[str, Clients | Churn]) -> Any:
    name = order["name"]
    match order["do"]:
        case "open":
            loads[name] = open_load(order["host"], order["port"], Workload(**order["workload"]), order["seed"])
        case "hold":
            loads[name].hold(order["count"])
        case "held":
            loads[name].held()
        case "run":
            return _told(loads[name].run(order["seconds"], order["rate"]))
        case "close":
            if name in loads:
                loads.pop(name).close()
    return None


def _told(measured: Measured) -> dict[str, Any]:
    histogram = HdrHistogram(1, HIGHEST, 3)
    for micros, count in Counter(int(seconds * 1e6) or 1 for seconds in measured.latencies).items():
        histogram.record_value(min(micros, HIGHEST), count)
    return {
        "messages": measured.messages,
        "seconds": measured.seconds,
        "histogram": histogram.encode().decode(),
        "highest": max(measured.latencies, default=0.0),
        "counts": measured.counts,
        "missed": measured.missed,
        "cpu": measured.cpu,
    }


if __name__ == "__main__":
    main()
