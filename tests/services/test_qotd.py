import time

import pytest

from suite.services.qotd import QUOTES, Qotd, new_session


def test_a_quotation_is_one_line() -> None:
    session = Qotd("short and good")
    assert session.data_to_send(512) == b"short and good\r\n"
    assert session.finished


def test_511_characters_are_the_most() -> None:
    # RFC 865, Quote Syntax: "the quote should be limited to less than 512 characters".
    assert len(Qotd("x" * 509).data_to_send(1000)) == 511
    with pytest.raises(ValueError, match="512 characters"):
        Qotd("x" * 510)


def test_a_quotation_is_ascii() -> None:
    with pytest.raises(ValueError, match="ascii"):
        Qotd("déjà vu")


@pytest.mark.parametrize("text", QUOTES)
def test_own_quotations_are_printable_and_fit(text: str) -> None:
    line = Qotd(text).data_to_send(1000)
    assert len(line) < 512
    assert all(0x20 <= byte < 0x7F for byte in line[:-2])
    assert line.endswith(b"\r\n")


def test_the_day_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = []
    for hour in range(0, 24 * len(QUOTES), 12):
        monkeypatch.setattr(time, "time", lambda hour=hour: hour * 3600.0)
        lines.append(new_session().data_to_send(512))
    assert lines[::2] == lines[1::2]
    assert len(set(lines)) == len(QUOTES)
