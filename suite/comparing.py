"""`suite compare`: conformance, claims and a short benchmark of what is here, on one page."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
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


def run(options: argparse.Namespace, main: Callable[[Sequence[str]], int]) -> int:
    """Run `suite compare`; return the worst exit code of its parts: the first of 130, 4, 1, 3, 0 that occurred.

    Args:
        options: with html and keep.
        main: runs a command of `suite`.

    Raises:
        UsageError: the page or the folder cannot be written.
    """
    names = {row.name for row in registry.VARIANTS if row.unavailable() is None}
    contenders = [name for name in CONTENDERS if name in names]
    with tempfile.TemporaryDirectory(prefix="suite-compare-") as temporary:
        folder = options.keep or Path(temporary)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make the folder {folder}: {error.strerror}; choose another --keep DIR") from None
        files = {name: folder / f"{name}.json" for name in ("check", "claims", "bench")}
        codes = []
        for words in (
            ["check", "all", "--json", str(files["check"])],
            ["claims", "--json", str(files["claims"])],
            ["bench", *contenders, "--syscalls", "--seconds", SECONDS, "--json", str(files["bench"])],
        ):
            print(f"\n== suite {' '.join(words)}", file=sys.stderr, flush=True)  # noqa: T201 - where a long run is
            codes.append(main(words))
            if codes[-1] == 130:
                break
        known = [
            word
            for name, path in files.items()
            if path.exists() and path.stat().st_size
            for word in (f"--{name}", str(path))
        ]
        if known:
            codes.append(main(["report", *known, "--html", str(options.html)]))
    return next((code for code in (130, 4, 2, 1, 3) if code in codes), 0)
