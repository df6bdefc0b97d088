"""What suite.session promises to drivers, kept by every row of the table whatever arrives and is pulled when."""

import pytest
from hypothesis import given

from suite.errors import UsageError
from suite.services import SERVICES, Service, find
from suite.session import Session
from tests.services.pulling import steps

RFCS = {
    "echo": (862, 7),
    "discard": (863, 9),
    "chargen": (864, 19),
    "qotd": (865, 17),
    "daytime": (867, 13),
    "time": (868, 37),
}
every_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def test_the_table_names_each_service_with_its_rfc_and_its_assigned_port() -> None:
    assert {row.name: (row.rfc, row.port) for row in SERVICES} == RFCS


def test_an_unknown_service_is_a_usage_error_that_names_the_known_ones() -> None:
    assert find("qotd").rfc == 865
    with pytest.raises(
        UsageError, match=r"unknown service 'finger'; choose one of echo, discard, chargen, qotd, daytime, time"
    ):
        find("finger")


@every_service
def test_a_new_session_is_small_and_reads_from_the_start(service: Service) -> None:
    session = service.load()()
    assert isinstance(session, Session)
    assert not hasattr(session, "__dict__")  # ten thousand connections hold ten thousand of them
    assert session.can_receive
    assert not session.finished
    assert session is not service.load()()


@every_service
@given(steps=steps)
def test_limits_are_kept_and_the_end_is_the_end(service: Service, steps: list[bytes | int]) -> None:
    session = service.load()()
    for step in steps:
        if isinstance(step, bytes):
            assert len(session.receive_data(step)) <= len(step) + 512
        elif session.has_output:
            assert 1 <= len(session.data_to_send(step)) <= step
        assert session.can_receive  # each of them answers at once or throws away: no reason to stop reading
        assert not (session.finished and session.has_output)
    assert len(session.receive_eof()) <= 512
    assert session.finished
    assert not session.has_output
