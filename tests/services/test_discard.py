from hypothesis import given

from suite.services.discard import Discard
from tests.services.pulling import chunks


@given(chunks)
def test_nothing_is_ever_sent_and_eof_ends_it(chunks: list[bytes]) -> None:
    session = Discard()
    for chunk in chunks:
        assert session.receive_data(chunk) == b""
        assert not session.has_output
        assert not session.finished
    assert session.receive_eof() == b""
    assert session.finished
    assert not session.has_output
