"""What qotd, daytime and time share."""

from hypothesis import given
from hypothesis import strategies as st

from suite.services._message import Message
from tests.services.pulling import limits, pull, steps

messages = st.binary(min_size=1, max_size=511)


@given(messages, limits)
def test_the_message_is_whole_for_any_limits_and_its_last_byte_ends_the_service(
    message: bytes, limits: list[int]
) -> None:
    session = Message(message)
    assert (session.has_output, session.finished) == (True, False)
    assert pull(session, limits) == message
    assert (session.has_output, session.finished) == (False, True)
    assert session.receive_data(b"late") == b""
    assert session.receive_eof() == b""


@given(messages, steps)
def test_input_is_thrown_away_and_eof_brings_the_rest(message: bytes, steps: list[bytes | int]) -> None:
    session = Message(message)
    sent = b""
    for step in steps:
        if isinstance(step, bytes):
            assert session.receive_data(step) == b""
        elif session.has_output:
            sent += session.data_to_send(step)
        assert session.has_output is (sent != message)
        assert session.finished is (sent == message)
    assert sent + session.receive_eof() == message
    assert session.finished
    assert not session.has_output
