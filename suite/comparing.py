"""`suite compare`: conformance, claims and a short benchmark of what is here, on one page."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from suite import registry
from suite.errors import UsageError

__all__ = ("run",)

CONTENDERS = (
    "raw-epoll",
    "uvloop-protocol",
    "raw-native",
    "raw-uring",
    "raw-thread",
    "trio",
    "twisted-epoll",
    "twisted-wire",
)
SECONDS = "3"
"""For each target and workload, at most."""
CURVES = (
    (("raw-poll", "raw-epoll", "twisted-epoll", "trio"), ("--idle", "0,300,1000,3000,8000")),
    (("raw-epoll", "raw-thread", "twisted-epoll", "trio"), ("--connections", "1,10,100,500")),
)
"""Who is measured with more and more idle clients, and who with more and more active ones."""
CURVE = ("--size", "64", "--mode", "closed", "--no-gate", "--seconds", "2")


def run(options: argparse.Namespace, main: Callable[[Sequence[str]], int]) -> int:
    """Run `suite compare`; return the worst exit code of its parts: the first of 130, 4, 1, 3, 0 that occurred.

    Args:
        options: with html and keep.
        main: runs a command of `suite`.

    Raises:
        UsageError: the page or the folder cannot be written.
    """
    page = options.html.absolute()
    if page.is_dir() or not os.access(page.parent, os.W_OK):  # ten minutes before it would be found out
        why = "it is a folder" if page.is_dir() else "no such folder, or no permission"
        raise UsageError(f"cannot write {options.html}: {why}; choose another --html FILE")
    here = {row.name for row in registry.VARIANTS if row.unavailable() is None}
    with tempfile.TemporaryDirectory(prefix="suite-compare-") as temporary:
        folder = options.keep or Path(temporary)
        files = {name: folder / f"{name}.json" for name in ("check", "claims", "bench")}
        curves = [folder / f"bench-curve-{at}.json" for at in range(len(CURVES))]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path in (*files.values(), *curves):
                path.unlink(missing_ok=True)  # of an earlier comparison
        except OSError as error:
            raise UsageError(f"cannot use the folder {folder}: {error.strerror}; choose another --keep DIR") from None
        commands = [
            ["check", "all", "--json", str(files["check"])],
            ["claims", "--json", str(files["claims"])],
            ["bench", *_of(CONTENDERS, here), "--syscalls", "--seconds", SECONDS, "--json", str(files["bench"])],
        ]
        for (targets, grows), path in zip(CURVES, curves, strict=True):
            commands.append(["bench", *_of(targets, here), *grows, *CURVE, "--json", str(path)])
        codes = []
        for words in commands:
            print(f"\n== suite {' '.join(words)}", file=sys.stderr, flush=True)  # noqa: T201 - where a long run is
            codes.append(main(words))
            if codes[-1] == 130:
                break
        _join(files["bench"], curves)
        known = [
            word
            for name, path in files.items()
            if path.exists() and path.stat().st_size
            for word in (f"--{name}", str(path))
        ]
        if known:
            codes.append(main(["report", *known, "--html", str(options.html)]))
    return next((code for code in (130, 4, 2, 1, 3) if code in codes), 0)


def _of(targets: Sequence[str], here: Collection[str]) -> list[str]:
    return [name for name in targets if name in here]


def _join(whole: Path, parts: Sequence[Path]) -> None:
    """Add the rows of further benchmarks of the same run to a report."""
    known = [json.loads(path.read_text()) for path in (whole, *parts) if path.exists() and path.stat().st_size]
    if known:
        known[0]["rows"] = [row for one in known for row in one["rows"]]
        known[0]["targets"] = list(dict.fromkeys(name for one in known for name in one["targets"]))
        known[0]["interrupted"] = any(one["interrupted"] for one in known)
        known[0]["exit"] = next((code for code in (130, 4, 1, 3) if any(one["exit"] == code for one in known)), 0)
        known[0]["seconds"] = sum(one["seconds"] for one in known)
        whole.write_text(json.dumps(known[0], indent=1, ensure_ascii=False) + "\n")
