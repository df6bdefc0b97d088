"""`suite report`: from its options to the page."""

import argparse
import sys
from pathlib import Path

from suite.errors import UsageError
from suite.report.file import replace
from suite.report.joined.page import render
from suite.report.joined.reading import read

__all__ = ("report",)


def report(options: argparse.Namespace) -> int:
    """Write the page and say where it is; return the exit code.

    Raises:
        UsageError: a report cannot be read, or the page cannot be written.
    """
    page: Path = options.html
    for path in (options.check, options.bench, options.claims):
        if path is not None and _same(path, page):
            raise UsageError(f"the page would replace the report {path}; choose another --html FILE")
    text = render(read(options.check, options.bench, options.claims), options.title)
    replace(page, text, "--html")
    whole = page.is_file()  # and neither a pipe nor our own standard output
    print(f"{page}: {len(text.encode()) / 1024:.0f} KiB", file=sys.stdout if whole else sys.stderr)
    return 0


def _same(one: Path, other: Path) -> bool:
    try:
        return one.is_file() and other.is_file() and one.samefile(other)
    except (OSError, ValueError):
        return False  # said when it is read or written
