"""The live progress bar: on a terminal only, through rich, which is imported only then."""

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ("Bar",)

WIDE = 80
"""Columns of a terminal that has room for more than the name and a count."""


class Bar:
    """A progress bar on `stream` if that is a terminal, else nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._progress: Progress | None = None
        self._targets = 0
        self._at = 0

    def start(self, targets: int) -> None:
        """Begin a run over so many targets."""
        self._targets = targets
        if not self._stream.isatty() or os.environ.get("TERM") == "dumb":
            return
        from rich.console import Console  # noqa: PLC0415 - 90 ms that only a terminal pays
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        console = Console(file=self._stream)
        name, count, doing = TextColumn("{task.description}"), MofNCompleteColumn(), TextColumn("{task.fields[doing]}")
        wide = (name, BarColumn(bar_width=24), count, TimeElapsedColumn(), doing)
        columns = wide if console.width >= WIDE else (name, count)
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("", total=None, doing="")

    def target(self, name: str, checks: int) -> None:
        """Begin a target."""
        self._at += 1
        if self._progress is not None:
            of = f" {self._at}/{self._targets}" if self._targets > 1 else ""
            self._progress.reset(self._task, total=checks, description=f"{name}{of}", doing="starting")
            self._progress.start()

    def doing(self, what: str) -> None:
        """Say what happens now."""
        if self._progress is not None:
            self._progress.update(self._task, doing=what[:60])

    def advance(self) -> None:
        """One check is done."""
        if self._progress is not None:
            self._progress.advance(self._task)

    def pause(self) -> None:
        """Take the bar away, to print."""
        if self._progress is not None:
            self._progress.stop()

    stop = pause
