"""Counts with threads and with processes, and writes to memory that it forked with; imports nothing of ours.

    python -I -S _sharing.py WORKERS ROUNDS MEBIBYTES

Prints one JSON object:
    threads      what each thread saw in the shared counter once all had counted
    children     what each child process saw in its copy
    parent       what the parent saw then
    held         KiB that the parent had filled before it forked
    own_before   KiB of that memory that were a child's own, before it wrote to half of it
    own_after    the same, afterwards
    touched      KiB that it wrote to
"""

import json
import mmap
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

counter = 0


def count(rounds: int, lock: threading.Lock) -> None:
    """Add to the counter, one by one."""
    global counter  # noqa: PLW0603 - whether it is shared is the question
    for _ in range(rounds):
        with lock:  # reading and writing are two steps
            counter += 1


def with_threads(workers: int, rounds: int) -> list[int]:
    """Return what each of so many threads sees once all have counted."""
    lock, done = threading.Lock(), threading.Barrier(workers)
    seen: list[int] = []

    def work() -> None:
        count(rounds, lock)
        done.wait()
        seen.append(counter)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def in_child(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a forked child."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        told = answer.read()
    os.waitpid(pid, 0)
    return json.loads(told)


def own() -> int:
    """Return the KiB of this process that no other shares (proc(5), smaps_rollup)."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as lines:  # noqa: PTH123 - pathlib alone takes a MiB
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def write_to_half(memory: mmap.mmap) -> tuple[int, int]:
    """Write to the first half, a byte a page; return what was our own before and after."""
    before = own()
    for page in range(0, len(memory) // 2, mmap.PAGESIZE):
        memory[page] = 2
    return before, own()


def main() -> None:
    """Do all of it."""
    global counter  # noqa: PLW0603 - the children's copy starts at 0
    workers, rounds, mebibytes = map(int, sys.argv[1:4])
    threads = with_threads(workers, rounds)
    counter = 0

    def work() -> int:
        count(rounds, threading.Lock())
        return counter

    children = [in_child(work) for _ in range(workers)]
    memory = mmap.mmap(-1, mebibytes << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)  # else a written byte copies two mebibytes where the kernel likes to
    for page in range(0, len(memory), mmap.PAGESIZE):
        memory[page] = 1
    before, after = in_child(lambda: write_to_half(memory))
    told = {
        "threads": threads, "children": children, "parent": counter, "held": mebibytes << 10, "own_before": before,
        "own_after": after, "touched": mebibytes << 9,
    }  # fmt: skip
    print(json.dumps(told))  # noqa: T201 - this is how it answers


if __name__ == "__main__":
    main()
