from hypothesis import given

from suite.services.echo import Echo
from tests.services.pulling import chunks


@given(chunks)
def test_every_byte_comes_back_at_once_in_any_chunking(chunks: list[bytes]) -> None:
    session = Echo()
    for chunk in chunks:
        assert session.receive_data(chunk) == chunk
        assert not session.finished
    assert session.receive_eof() == b""
    assert session.finished
    assert not session.has_output
