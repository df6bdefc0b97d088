"""A report's file: opened before anything runs, so that a typing error costs no run; or replaced at once."""

import os
import stat
from pathlib import Path

from suite.errors import HarnessError, UsageError

__all__ = ("ReportFile", "replace")


class ReportFile:
    """A file that one report is written to; what it held before is replaced when the first piece is written.

    Args:
        path: where.
        option: the command line's option that named it, for the error line.

    Raises:
        UsageError: it cannot be written.
    """

    def __init__(self, path: Path, option: str) -> None:
        self.path = path
        self._replaced = False
        try:
            # Opened once and kept: a reader of a named pipe would take a second opening for the end of the report.
            self._file = path.open("a", encoding="utf-8", errors="backslashreplace")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot write {path}: {reason}; choose another {option} FILE") from None

    def write(self, text: str) -> None:
        """Write `text`, so that others can read it now.

        Raises:
            HarnessError: the disk is full, or the reader of a pipe has gone.
        """
        try:
            if not self._replaced and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                self._file.truncate(0)
            self._replaced = True
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            self.close()
            raise HarnessError(f"cannot write {self.path}: {error.strerror}") from None

    def close(self) -> None:
        """Close it; called once more is harmless."""
        try:
            self._file.close()
        except OSError:
            pass  # what could not be written has been told by `write`


def replace(path: Path, text: str, option: str) -> None:
    """Make `text` the content of a file: whole, or not at all; a device or a pipe is written to as it is.

    Raises:
        UsageError: it cannot be written, or the disk is full; what the file held before is still there.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            return
        place = path.resolve()  # a link stays one
        beside = place.with_name(f".{place.name[:60]}.{os.getpid()}.part")
        try:
            beside.write_text(text, encoding="utf-8", errors="backslashreplace")
            if place.exists():
                beside.chmod(stat.S_IMODE(place.stat().st_mode))
            beside.replace(place)
        finally:
            beside.unlink(missing_ok=True)
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a null byte; RuntimeError: links in a circle
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {path}: {reason}; choose another {option} FILE") from None
