"""What several reports say in the same words: unprintable text made visible, and a failure's evidence."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from suite.events import CheckResult, Divergence

__all__ = ("Cell", "Row", "evidence", "hex_rows", "operation", "visible", "who")

PER_ROW = 8
"""Bytes in a row of hex: what a phone's width holds."""


def visible(text: str) -> str:
    r"""Return `text` with everything unprintable as an escape: `\x1b`, `\u202e`, `\udc80`; line ends stay.

    XML 1.0 (section 2.2) forbids most control characters, even escaped as `&#27;`; and what reorders or hides text
    has no place in a page about somebody else's bytes.
    """
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode() for char in text
    )


def who(client: int) -> str:
    """Name whose a moment is."""
    return f"client {client}" if client >= 0 else "canary"


def operation(row: list[Any]) -> str:
    """Render one operation of a script: `send 0 {"hex": "00"}`."""
    kind, *arguments = row
    return " ".join([str(kind), *(json.dumps(argument) for argument in arguments)])


@dataclass(frozen=True, slots=True)
class Cell:
    """One byte: two hex digits and its character, or what stands for a byte that is not there; `wrong` where it differs."""

    hex: str
    char: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Up to eight bytes from `offset` on. `sign` is "=" where both streams agree, "-" for owed, "+" for received."""

    sign: str
    offset: int
    cells: tuple[Cell, ...]

    def __str__(self) -> str:
        digits = " ".join(cell.hex for cell in self.cells)
        text = "".join(cell.char for cell in self.cells)
        return f"{self.sign} {self.offset:08x}  {digits:<{3 * PER_ROW - 1}}  {text}".rstrip()


def hex_rows(divergence: Divergence) -> list[Row]:
    """Lay the owed and the received window out below each other, row by row."""
    rows = []
    for at in range(0, max(len(divergence.expected), len(divergence.received)), PER_ROW):
        offset = divergence.start + at
        owed, got = divergence.expected[at : at + PER_ROW], divergence.received[at : at + PER_ROW]
        if owed == got:
            rows.append(Row("=", offset, tuple(_cells(owed, got))))
        else:
            rows += [Row("-", offset, tuple(_cells(owed, got))), Row("+", offset, tuple(_cells(got, owed)))]
    return rows


def _cells(data: bytes, other: bytes) -> Iterator[Cell]:
    for at in range(max(len(data), len(other))):
        if at >= len(data):
            yield Cell("··", " ", wrong=True)
        else:
            byte = data[at]
            differs = at >= len(other) or other[at] != byte
            yield Cell(f"{byte:02x}", chr(byte) if 32 <= byte < 127 else ".", differs)


def evidence(result: CheckResult, about: tuple[str, str, str]) -> str:
    """Return all that is known of one result, as plain text.

    Args:
        result: what became of the check.
        about: its requirement, its source, and a known real bug like it.
    """
    requirement, source, known = about
    rows: list[tuple[str, object]] = [
        ("requirement", requirement),
        ("source", source),
        ("similar", known),
        ("reason", result.reason),
        ("expected", result.expected),
        ("actual", result.actual),
        ("rate", f"failed {result.rate.failed} of {result.rate.runs} runs" if result.rate else None),
        ("note", result.note),
        ("baseline", f"expected {result.excused}" if result.excused else None),
    ]
    lines = [f"{name:<12} {text}" for name, text in rows if text]
    if result.script is not None:
        lines += ["", "script", f"  {json.dumps(list(result.script))}"]
    if result.divergence is not None:
        lines += ["", f"first wrong byte: client {result.divergence.client}, offset {result.divergence.offset}"]
        lines += [f"  {row}" for row in hex_rows(result.divergence)]
    if result.endings:
        lines += ["", "how the connections ended"]
        lines += [f"  {who(client)}: {ending}" for client, ending in sorted(result.endings.items())]
    if result.timeline:
        lines += ["", "timeline"]
        lines += [
            f"  {moment.seconds * 1000:9.2f} ms  {who(moment.client):<9} {moment.what}" for moment in result.timeline
        ]
    if result.repro is not None:
        lines += ["", "repro", *(f"  {way}" for way in asdict(result.repro).values() if way)]
    return visible("\n".join(lines))
