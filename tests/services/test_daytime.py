import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.services.daytime import Daytime, new_session

SYNTAX = "%A, %B %d, %Y %H:%M:%S-UTC\r\n"


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (0, b"Thursday, January 1, 1970 00:00:00-UTC\r\n"),
        # The RFC's own example, in UTC; it calls that Monday a Tuesday.
        (383247463, b"Monday, February 22, 1982 17:37:43-UTC\r\n"),
        (951782399.999, b"Monday, February 28, 2000 23:59:59-UTC\r\n"),
        (951782400, b"Tuesday, February 29, 2000 00:00:00-UTC\r\n"),
        (4102444799, b"Thursday, December 31, 2099 23:59:59-UTC\r\n"),
    ],
)
def test_known_moments(seconds: float, line: bytes) -> None:
    assert Daytime(lambda: seconds).data_to_send(512) == line


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - given by timezones
def test_the_line_says_its_moment_and_only_that(moment: datetime) -> None:
    line = Daytime(moment.timestamp).data_to_send(512).decode("ascii")
    assert datetime.strptime(line, SYNTAX).replace(tzinfo=UTC) == moment.replace(microsecond=0)
    assert line.startswith(moment.strftime("%A,"))  # strptime believes any weekday


def test_the_clock_is_read_when_the_connection_stands() -> None:
    clock = iter([0.0])
    session = Daytime(lambda: next(clock))
    assert session.data_to_send(10) + session.data_to_send(512) == b"Thursday, January 1, 1970 00:00:00-UTC\r\n"


def test_a_new_session_tells_the_systems_time() -> None:
    before = int(time.time())
    line = new_session().data_to_send(512).decode("ascii")
    assert before <= datetime.strptime(line, SYNTAX).replace(tzinfo=UTC).timestamp() <= time.time()
