import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.services.time import Time, new_session


@pytest.mark.parametrize(
    ("moment", "reply"),
    [
        # RFC 868, The Time: the examples it gives, and its time 1.
        (datetime(1970, 1, 1, tzinfo=UTC), (2_208_988_800).to_bytes(4, "big")),
        (datetime(1976, 1, 1, tzinfo=UTC), (2_398_291_200).to_bytes(4, "big")),
        (datetime(1980, 1, 1, tzinfo=UTC), (2_524_521_600).to_bytes(4, "big")),
        (datetime(1983, 5, 1, tzinfo=UTC), (2_629_584_000).to_bytes(4, "big")),
        (datetime(1858, 11, 17, tzinfo=UTC), (-1_297_728_000).to_bytes(4, "big", signed=True)),
        (datetime(1900, 1, 1, 0, 0, 1, tzinfo=UTC), b"\0\0\0\1"),
        # "This base will serve until the year 2036": 2**32 seconds after 1900 the count starts again.
        (datetime(2036, 2, 7, 6, 28, 15, tzinfo=UTC), b"\xff\xff\xff\xff"),
        (datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC), b"\0\0\0\0"),
        (datetime(2036, 2, 7, 6, 28, 17, tzinfo=UTC), b"\0\0\0\1"),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else value.date().isoformat(),
)
def test_known_moments(moment: datetime, reply: bytes) -> None:
    session = Time(moment.timestamp)
    assert session.data_to_send(512) == reply
    assert session.finished


@given(st.datetimes(datetime(1900, 1, 1), datetime(2036, 2, 7), timezones=st.just(UTC)))  # noqa: DTZ001 - given by timezones
def test_four_bytes_count_whole_seconds_since_1900(moment: datetime) -> None:
    seconds, _ = divmod(moment - datetime(1900, 1, 1, tzinfo=UTC), timedelta(seconds=1))
    assert Time(moment.timestamp).data_to_send(512) == seconds.to_bytes(4, "big")


def test_the_clock_is_read_when_the_connection_stands() -> None:
    clock = iter([0.0])
    session = Time(lambda: next(clock))
    assert [session.data_to_send(1) for _ in range(4)] == [b"\x83", b"\xaa", b"\x7e", b"\x80"]  # 2 208 988 800


def test_a_new_session_tells_the_systems_time() -> None:
    before = int(time.time())
    told = int.from_bytes(new_session().data_to_send(512), "big")
    assert before <= told - 2_208_988_800 <= time.time()  # true until 2036
