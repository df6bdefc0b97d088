from hypothesis import given
from hypothesis import strategies as st

from suite.services.chargen import Chargen
from tests.services.pulling import steps

# RFC 864, Data Syntax: "On line N, put characters (0+N mod 95) through (71+N mod 95)", numbered from space.
LINE_0 = rb""" !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefg"""
LINE_1 = rb"""!"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefgh"""
LINE_24 = rb"""89:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~ """
LINE_94 = rb"""~ !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdef"""


def rfc_864(line: int) -> bytes:
    return bytes(32 + (column + line) % 95 for column in range(72)) + b"\r\n"


EXPECTED = b"".join(map(rfc_864, range(3000)))  # 222 000 bytes, more than two full pulls


def test_lines_are_those_of_the_rfc() -> None:
    session = Chargen()
    lines = b"".join(session.data_to_send(74 * 24) for _ in range(5)).split(b"\r\n")
    assert [lines[0], lines[1], lines[24], lines[94], lines[95]] == [LINE_0, LINE_1, LINE_24, LINE_94, LINE_0]


@given(st.lists(st.one_of(st.integers(1, 300), st.integers(1, 65536)), max_size=8))
def test_any_sequence_of_limits_gives_exactly_as_many_bytes_of_the_stream(limits: list[int]) -> None:
    session = Chargen()
    sent = b""
    for limit in limits:
        if len(sent) + limit > len(EXPECTED):
            break
        part = session.data_to_send(limit)
        assert len(part) == limit
        sent += part
        assert session.has_output
    assert EXPECTED.startswith(sent)


@given(st.integers(65537, 2**40))
def test_a_huge_limit_is_no_leave_to_fill_the_memory(limit: int) -> None:
    session = Chargen()
    part = session.data_to_send(limit)
    assert 65536 < len(part) < 2 * 65536
    assert EXPECTED.startswith(part + session.data_to_send(limit))


@given(steps)
def test_input_is_thrown_away_and_eof_ends_the_stream_wherever_it_stands(steps: list[bytes | int]) -> None:
    session = Chargen()
    sent = b""
    for step in steps:
        if isinstance(step, bytes):
            assert session.receive_data(step) == b""
        else:
            sent += session.data_to_send(step)
        assert not session.finished
    assert EXPECTED.startswith(sent)
    assert session.receive_eof() == b""
    assert session.finished
    assert not session.has_output
