"""Drives a Session as a driver would, with no driver's habits: every chunking, every limit, every order."""

from collections.abc import Iterable
from itertools import chain, repeat

from hypothesis import strategies as st

from suite.session import Session

__all__ = ("chunks", "limits", "pull", "steps")

chunks = st.lists(st.binary(max_size=40))
limits = st.lists(st.integers(1, 200), max_size=40)
steps = st.lists(st.one_of(st.binary(max_size=40), st.integers(1, 200)), max_size=40)
"""What happens to a session, in order: input arrives (bytes), or output is pulled with a limit (int)."""


def pull(session: Session, sizes: Iterable[int]) -> bytes:
    """Pull with each limit in turn, then byte by byte, until the session has no more; return everything."""
    parts = []
    for limit in chain(sizes, repeat(1)):
        if not session.has_output:
            break
        part = session.data_to_send(limit)
        assert 1 <= len(part) <= limit  # nothing at all would make a driver ask for ever
        parts.append(part)
    return b"".join(parts)
