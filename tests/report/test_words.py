"""What reports share: unprintable text made visible, bytes laid out row by row."""

import pytest

from suite.events import Divergence
from suite.report.words import hex_rows, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünïcode 字\nnext", "plain, ünïcode 字\nnext"),
        ("\x00\x1b[0m\r\t\x7f", r"\x00\x1b[0m\r\t\x7f"),
        ("a\u202eb\udc80\ufffe\U0001f600", "a\\u202eb\\udc80\\ufffe\U0001f600"),
    ],
)
def test_what_is_unprintable_becomes_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_rows_show_where_streams_part() -> None:
    rows = hex_rows(Divergence(0, 10, 0, b"abcdefghijklm", b"abcdefghij!"))
    assert [str(row) for row in rows] == [
        "= 00000000  61 62 63 64 65 66 67 68  abcdefgh",
        "- 00000008  69 6a 6b 6c 6d           ijklm",
        "+ 00000008  69 6a 21 ·· ··           ij!",
    ]
    assert [cell.wrong for cell in rows[2].cells] == [False, False, True, True, True]
    assert [cell.wrong for cell in rows[1].cells] == [False, False, True, True, True]


def test_a_stream_with_too_much_has_nothing_owed() -> None:
    rows = hex_rows(Divergence(0, 2, 0, b"ab", b"ab\xff"))
    assert [str(row) for row in rows] == [
        "- 00000000  61 62 ··                 ab",
        "+ 00000000  61 62 ff                 ab.",
    ]


def test_rows_count_from_the_windows_start() -> None:
    rows = hex_rows(Divergence(0, 4100, 4088, b"12345678123456781234", b"12345678"))
    assert [(row.sign, row.offset) for row in rows] == [("=", 4088), ("-", 4096), ("+", 4096), ("-", 4104), ("+", 4104)]
