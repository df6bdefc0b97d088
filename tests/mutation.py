"""The mutation score of our own servers: `python -m tests.mutation --sample 150 --seed 1 --resume FILE`.

Each mutant is written into a copy of the implementation packages, and `suite check --fail-fast -- python -m PACKAGE VARIANT`
judges a server that imports the copy (PYTHONPATH); the tool itself runs from the real code. A survivor is judged again
where echo on an idle machine does not lead: short of descriptors, with services that talk on their own, and with system
calls that fail. That the copy is what runs is tried first: a file that raises must not start, an unchanged copy must
conform.
"""

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import psutil

from suite.conformance.injecting import unavailable
from tests.mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[1]
VARIANTS = {
    "raw_impl/_peer.py": "raw-epoll",
    "raw_impl/epoll.py": "raw-epoll",
    "raw_impl/_loop.py": "raw-epoll",
    "raw_impl/_acceptor.py": "raw-epoll",
    "twisted_impl/server.py": "twisted-epoll",
    "twisted_impl/protocol.py": "twisted-epoll",
    "twisted_impl/transport.py": "twisted-epoll",
    "trio_impl/server.py": "trio",
    "trio_impl/handler.py": "trio-streams",
    "trio_impl/handler_sockets.py": "trio",
}
"""What is mutated, and the variant that runs it."""
PASSES = ("", "--nofile 64 --only overload", "--service chargen", "--service daytime", "--inject --only injection")
"""Options of the runs that judge a mutant, until one kills it; the last wants strace(1)."""
KILLED, START, SURVIVED, NO_VERDICT, BROKEN = "killed", "killed at start", "survived", "no verdict", "tool error"
BOUND = 120.0
"""Seconds that one run may take; the tool's own bound on the worst target is 90."""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a mutant.

    Attributes:
        key: names the mutant, and changes with its file.
        outcome: one of the words above.
        options: those of the run that said so.
        check: the check that failed first.
        reason: what it said, or why there is no verdict.
        warned: checks of level SHOULD that failed too; they kill nothing.
        seconds: all runs.
    """

    key: str
    file: str
    line: int
    operator: str
    before: str
    after: str
    outcome: str = SURVIVED
    options: str = ""
    check: str = ""
    reason: str = ""
    warned: tuple[str, ...] = ()
    seconds: float = 0.0


class Run:
    """One mutant under judgement: a copy of the packages, and one run of the tool after the other over it."""

    def __init__(self, row: Row, code: bytes, seed: int) -> None:
        self.row = row
        self._seed = seed
        self._left = [options for options in PASSES if "--inject" not in options or not unavailable()]
        self._files = tempfile.TemporaryDirectory(prefix="mutation-")
        self._copy = Path(self._files.name)
        for package in {file.partition("/")[0] for file in VARIANTS}:
            shutil.copytree(ROOT / package, self._copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        (self._copy / row.file).write_bytes(code)
        self._begun = 0.0
        self._tool: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tool is not None and self._tool.poll() is None:
            self._stop(self._tool)
        self._files.cleanup()

    def done(self) -> bool:
        """Go on without waiting; say whether `row` is final."""
        if self._tool is None:
            self._start()
            return False
        code = self._tool.poll()
        if code is None:
            if time.monotonic() - self._begun < BOUND:
                return False
            self._stop(self._tool)
        seconds = round(self.row.seconds + time.monotonic() - self._begun, 1)
        self.row = replace(self._judged(code), options=self._options, seconds=seconds)
        self._tool = None
        return self.row.outcome != SURVIVED or not self._left

    def _start(self) -> None:
        self._options = self._left.pop(0)
        given = self._options.split()
        service = given[1] if "--service" in given else "echo"
        variant = VARIANTS[self.row.file]
        package = self.row.file.partition("/")[0]
        # As the tool starts a variant, but for the copy. The variable is the server's alone: the tool's own reference
        # server, which it looks at when the machine may be to blame, is a variant too, and must not be a mutant.
        server = [
            "env",
            f"PYTHONPATH={self._copy}",
            "PYTHONDONTWRITEBYTECODE=1",
            sys.executable,
            "-P",
            "-m",
            package,
            variant,
        ]
        server += ["--service", service, "--host", "{host}", "--port", "{port}", "--drain-grace", "1"]
        words = ["check", "--fail-fast", "--seed", str(self._seed), *given, "--json", str(self._copy / "json")]
        for name in ("json", "stderr"):
            (self._copy / name).write_bytes(b"")
        with (self._copy / "stderr").open("wb") as stderr:
            self._tool = subprocess.Popen(
                [sys.executable, "-P", "-m", "suite", *words, "--", *server],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, cwd=self._copy,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )  # fmt: skip
        self._begun = time.monotonic()

    def _judged(self, code: int | None) -> Row:
        said = (self._copy / "stderr").read_text(errors="replace").strip()[-2000:]
        try:
            target = json.loads((self._copy / "json").read_text())["targets"][0]
        except (ValueError, LookupError):
            target = {"checks": [], "address": "", "note": ""}
        checks: list[dict[str, Any]] = target["checks"]
        failed = [check for check in checks if check["verdict"] in ("FAIL", "UNSTABLE") and check["level"] == "MUST"]
        warned = [check["id"] for check in checks if check["verdict"] == "WARN"]
        row = replace(self.row, warned=(*self.row.warned, *warned))
        match code:
            case 0:
                return row
            case 1 if failed:
                return replace(row, outcome=KILLED, check=failed[0]["id"], reason=failed[0]["reason"])
            case 1:
                return replace(row, outcome=KILLED, reason=target["note"] or said)
            case 3 if not target["address"] and target["note"]:
                return replace(row, outcome=START, reason=target["note"])
            case 3:
                return replace(row, outcome=NO_VERDICT, reason=target["note"] or said)
        why = f"not done after {BOUND:.0f} s" if code is None else f"exit {code}"
        return replace(row, outcome=BROKEN, reason=f"{why}: {said}")

    @staticmethod
    def _stop(tool: subprocess.Popen[bytes]) -> None:
        """Interrupt the tool, which then stops its server; if it does not, end both."""
        tool.send_signal(signal.SIGINT)
        try:
            tool.wait(10)
        except subprocess.TimeoutExpired:
            with suppress(psutil.NoSuchProcess):
                for process in psutil.Process(tool.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
            tool.kill()
            tool.wait()


class Rows:
    """What is known so far, a JSON object a line in a file; without a file, only in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[str, Row] = {}
        if path is not None:
            path.touch()
            for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
                if line.endswith("\n"):  # else a run was killed while it wrote
                    data = json.loads(line)
                    self._known[data["key"]] = Row(**(data | {"warned": tuple(data["warned"])}))

    def get(self, row: Row) -> Row | None:
        """Return the final row of a mutant, if it has one; what has no verdict is tried again."""
        known = self._known.get(row.key)
        return None if known is None or known.outcome in (NO_VERDICT, BROKEN) else known

    def add(self, row: Row) -> None:
        """Keep a row."""
        self._known[row.key] = row
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")


def sample(mutants: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """Return `size` mutants drawn by `seed`; a larger sample begins with the smaller one."""
    drawn = list(mutants)
    random.Random(seed).shuffle(drawn)
    return drawn[:size]


def plan(files: Sequence[str], size: int, seed: int) -> Iterator[tuple[Row, bytes]]:
    """Yield rows without outcome and their code: a file that raises for each, one unchanged a variant, then the sample."""
    sources = {file: (ROOT / file).read_bytes() for file in files}
    for file, source in sources.items():
        yield _row(Mutant(file, 1, "sentinel", "", "raise", 0), source), b'raise RuntimeError("sentinel")\n'
    for file in {VARIANTS[file]: file for file in files}.values():
        yield _row(Mutant(file, 1, "unchanged", "", "", 0), sources[file]), sources[file]
    for mutant in sample([mutant for file in files for mutant in mutants_of(file, sources[file])], size, seed):
        yield _row(mutant, sources[mutant.file]), mutant.apply(sources[mutant.file])


def _row(mutant: Mutant, source: bytes) -> Row:
    digest = hashlib.sha256(source + repr(mutant).encode()).hexdigest()[:16]
    return Row(digest, mutant.file, mutant.line, mutant.operator, mutant.before, mutant.after)


def judge(planned: Iterable[tuple[Row, bytes]], rows: Rows, jobs: int, seed: int) -> Iterator[Row]:
    """Yield final rows as they come, those that are known first."""
    waiting: list[tuple[Row, bytes]] = []
    for row, code in planned:
        known = rows.get(row)
        if known is None:
            waiting.append((row, code))
        else:
            yield known
    running: list[Run] = []
    with ExitStack() as stack:  # on Ctrl-C it stops what runs
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(stack.enter_context(Run(*waiting.pop(0), seed)))
            for run in [run for run in running if run.done()]:
                running.remove(run)
                run.__exit__()
                rows.add(run.row)
                yield run.row
            time.sleep(0.05)


def table(title: str, rows: Sequence[Row], key: str) -> Iterator[str]:
    """Yield a Markdown table: how rows that share a field ended."""
    words = [KILLED, START, SURVIVED, NO_VERDICT, BROKEN]
    yield f"| {title} | mutants | {' | '.join(words)} |"
    yield f"|---|{'---|' * (1 + len(words))}"
    for name in [*sorted({getattr(row, key) for row in rows}), "all"]:
        counts = Counter(row.outcome for row in rows if name in (getattr(row, key), "all"))
        yield f"| {name} | {counts.total()} | {' | '.join(str(counts[word]) for word in words)} |"


def report(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the report."""
    yield from table("file", rows, "file")
    yield ""
    yield from table("operator", rows, "operator")
    yield ""
    killers = Counter((row.check or "(none)", row.options) for row in rows if row.outcome == KILLED)
    yield "| check | killed |"
    yield "|---|---|"
    for (check, options), count in killers.most_common():
        yield f"| {check}{f' (`{options}`)' if options else ''} | {count} |"
    for row in sorted(rows, key=lambda row: (row.file, row.line)):
        if row.outcome not in (KILLED, START):
            yield f"\n{line(row)}"


def line(row: Row) -> str:
    """Return what is printed of a mutant."""
    edit = f"{_short(row.before)} -> {_short(row.after)}"
    by = f" by {row.check or row.reason}" if row.outcome in (KILLED, START) else ""
    more = "" if by or not row.reason else f"; {row.reason}"
    warned = f"; warned: {', '.join(row.warned)}" if row.warned else ""
    where = f" ({row.options})" if row.options and row.outcome != SURVIVED else ""
    return f"{row.file}:{row.line}: {row.operator}: {edit}: {row.outcome}{by}{where}{more}{warned} [{row.seconds} s]"


def _short(text: str) -> str:
    return " ".join(text.split())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 0 when all were judged, 2 for a usage error, 4 when the tool failed, 130 on Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="The mutation score of our own servers.")  # fmt: skip
    parser.add_argument("--sample", type=int, default=150, metavar="N", help="mutants drawn (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the draw and of the scripts (default: 1)")
    parser.add_argument("--only", action="append", choices=sorted(VARIANTS), metavar="FILE", help=f"mutate this file only; may be repeated: {', '.join(VARIANTS)}")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="mutants judged at once (default: 2)")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep rows as JSON lines here, and go on from them")
    options = parser.parse_args(argv)
    if options.sample < 0 or options.jobs < 1:
        parser.error("--sample wants 0 or more, --jobs 1 or more")
    try:
        rows = Rows(options.resume)
    except (OSError, ValueError, TypeError, KeyError) as error:
        parser.error(f"cannot use {options.resume} ({error}); give --resume another file")
    files = options.only or list(VARIANTS)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job is started with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    done: list[Row] = []
    try:
        for row in judge(plan(files, options.sample, options.seed), rows, options.jobs, options.seed):
            print(line(row), flush=True)  # noqa: T201 - a command's output
            expected = {"sentinel": START, "unchanged": SURVIVED}.get(row.operator)
            if expected is None:
                done.append(row)
            elif row.outcome != expected:
                print(f"{row.file}: the {row.operator} copy should have {expected}; nothing can be concluded", file=sys.stderr)  # noqa: T201  # fmt: skip
                return 4
    except KeyboardInterrupt:
        code = 130
    else:
        code = 4 if any(row.outcome == BROKEN for row in done) else 0
    print("\n".join(["", *report(done)]))  # noqa: T201 - see above
    return code


if __name__ == "__main__":
    sys.exit(main())
