"""One connection, over Trio's in-memory streams: no socket, and no second that really passes."""

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.launch import Limits
from suite.services.echo import Echo
from suite.session import NewSession, Session
from tests.trio_impl.sessions import LIMITS, PEER, Clumsy, Endless, Recorder
from trio_impl.handler import handle


def serve(
    nursery: trio.Nursery, stream: trio.abc.HalfCloseableStream, new_session: NewSession, limits: Limits = LIMITS
) -> trio.Event:
    """Start a handler; the event tells that it has returned."""
    done = trio.Event()

    async def run() -> None:
        await handle(stream, PEER, new_session, limits, True)
        done.set()

    nursery.start_soon(run)
    return done


async def everything(stream: trio.abc.HalfCloseableStream) -> bytes:
    return b"".join([part async for part in stream])


@settings(deadline=None)  # the machine may be busy
@given(chunks=st.lists(st.binary(min_size=1, max_size=100_000), max_size=8))
async def test_echoes_every_byte_in_order_then_ends(chunks: list[bytes]) -> None:
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        done = serve(nursery, server, Echo)
        for chunk in chunks:
            await client.send_all(chunk)
        await client.send_eof()
        assert await everything(client) == b"".join(chunks)
        await done.wait()


async def test_a_client_that_does_not_read_is_not_read_from(nursery: trio.Nursery) -> None:
    client, server = trio.testing.lockstep_stream_pair()
    session = Recorder(answer=b"reply")
    serve(nursery, server, lambda: session)
    await client.send_all(b"one")
    nursery.start_soon(client.send_all, b"two")
    await trio.testing.wait_all_tasks_blocked()
    assert session.inputs == [b"one"]
    assert await client.receive_some() == b"reply"
    await trio.testing.wait_all_tasks_blocked()
    assert session.inputs == [b"one", b"two"]
    nursery.cancel_scope.cancel()


async def test_own_output_goes_out_in_pieces_of_the_high_water_mark_then_input_is_answered(
    nursery: trio.Nursery,
) -> None:
    client, server = trio.testing.lockstep_stream_pair()
    serve(nursery, server, lambda: Recorder(output=b"0123456789" * 25, answer=b"!"))
    assert [await client.receive_some() for _ in range(3)] == [
        b"0123456789" * 10,
        b"0123456789" * 10,
        b"0123456789" * 5,
    ]
    await client.send_all(b"?")
    assert await client.receive_some() == b"!"
    await client.send_eof()
    assert await client.receive_some() == b""


async def test_input_is_taken_and_the_end_noticed_while_own_output_waits_for_its_reader(nursery: trio.Nursery) -> None:
    client, server = trio.testing.lockstep_stream_pair()
    session = Endless(output=b"~")
    done = serve(nursery, server, lambda: session)
    for text in (b"one", b"two", b"three"):
        await client.send_all(text)
    assert session.inputs == [b"one", b"two", b"three"]
    await client.send_eof()
    await trio.testing.wait_all_tasks_blocked()
    assert session.finished
    assert await everything(client) == b"~" * 100
    await done.wait()


async def test_a_reply_that_comes_up_during_own_output_follows_the_piece_and_holds_further_input(
    nursery: trio.Nursery,
) -> None:
    client, server = trio.testing.lockstep_stream_pair()
    session = Recorder(output=b"x" * 150, answer=b"reply")
    serve(nursery, server, lambda: session)
    await client.send_all(b"one")
    nursery.start_soon(client.send_all, b"two")
    await trio.testing.wait_all_tasks_blocked()
    assert session.inputs == [b"one"]
    assert [await client.receive_some() for _ in range(3)] == [b"x" * 100, b"reply", b"x" * 50]
    assert await client.receive_some() == b"reply"
    assert session.inputs == [b"one", b"two"]
    nursery.cancel_scope.cancel()


async def test_a_session_that_cannot_receive_is_given_nothing_until_its_output_is_out(nursery: trio.Nursery) -> None:
    client, server = trio.testing.lockstep_stream_pair()
    session = Recorder(output=b"x" * 150)
    session.can_receive = False
    serve(nursery, server, lambda: session)
    nursery.start_soon(client.send_all, b"input")
    await trio.testing.wait_all_tasks_blocked()
    assert session.inputs == []
    assert await client.receive_some() == b"x" * 100
    await trio.testing.wait_all_tasks_blocked()
    assert session.inputs == []
    assert await client.receive_some() == b"x" * 50
    await trio.testing.wait_all_tasks_blocked()
    assert session.inputs == [b"input"]
    nursery.cancel_scope.cancel()


async def test_a_finished_session_gets_no_more_input_and_lingers_for_the_clients_end(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    client, server = trio.testing.memory_stream_pair()
    session = Recorder(output=b"the whole message")
    session.finished = True
    done = serve(nursery, server, lambda: session)
    assert await everything(client) == b"the whole message"  # and its end: FIN comes before the client's own
    await trio.sleep(LIMITS.linger * 0.9)
    await client.send_all(b"late")
    await trio.testing.wait_all_tasks_blocked()
    assert not done.is_set()
    await client.send_eof()
    await done.wait()
    assert session.inputs == []


async def test_input_of_a_finished_session_is_discarded_while_its_last_output_waits(nursery: trio.Nursery) -> None:
    client, server = trio.testing.lockstep_stream_pair()
    session = Recorder(output=b"x" * 150)
    session.finished = True
    done = serve(nursery, server, lambda: session)
    await client.send_all(b"too late")
    await client.send_eof()
    assert await everything(client) == b"x" * 150
    await done.wait()
    assert session.inputs == []


async def test_a_session_that_does_not_say_it_is_finished_ends_with_its_client(nursery: trio.Nursery) -> None:
    client, server = trio.testing.memory_stream_pair()
    session = Recorder()
    session.receive_eof = lambda: b"farewell"  # type: ignore[method-assign]
    done = serve(nursery, server, lambda: session)
    await client.send_eof()
    assert await everything(client) == b"farewell"
    await done.wait()


async def test_a_client_that_never_ends_is_closed_after_the_linger(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client, server = trio.testing.memory_stream_pair()
    session = Recorder(output=b"bye")
    session.finished = True
    begun = trio.current_time()
    await serve(nursery, server, lambda: session).wait()
    assert trio.current_time() - begun == pytest.approx(LIMITS.linger)
    assert await everything(client) == b"bye"
    assert caplog.messages == ["connected 192.0.2.1:4242", "closed 192.0.2.1:4242 (timeout)"]


@pytest.mark.parametrize("own_output", [False, True])
async def test_a_raising_session_ends_its_connection_and_is_logged_once(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, own_output: bool
) -> None:
    client, server = trio.testing.lockstep_stream_pair() if own_output else trio.testing.memory_stream_pair()
    done = serve(nursery, server, lambda: Clumsy(output=b"~" if own_output else b""))
    await client.send_all(b"!")
    await done.wait()
    assert caplog.messages == ["session of 192.0.2.1:4242 failed: ZeroDivisionError: clumsy"]
    with pytest.raises(trio.BrokenResourceError):
        await client.send_all(b"?")


async def test_a_session_that_cannot_even_be_made_ends_its_connection(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    client, server = trio.testing.memory_stream_pair()

    def no_session() -> Session:
        raise FileNotFoundError("no quotations")

    await serve(nursery, server, no_session).wait()
    assert caplog.messages == ["session of 192.0.2.1:4242 failed: FileNotFoundError: no quotations"]
    assert await everything(client) == b""


@pytest.mark.parametrize("session", [Echo(), Endless(output=b"~")], ids=["waiting", "sending"])
async def test_a_vanished_client_is_no_trouble(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, session: Session
) -> None:
    caplog.set_level("INFO")
    client, server = trio.testing.lockstep_stream_pair()
    done = serve(nursery, server, lambda: session)
    if isinstance(session, Echo):
        await client.send_all(b"never read back")
    await trio.testing.wait_all_tasks_blocked()
    await client.aclose()
    await done.wait()
    assert caplog.messages[-1] == "closed 192.0.2.1:4242 (RST)"
    assert {record.levelname for record in caplog.records} == {"INFO"}


async def test_cancelled_in_the_middle_it_closes_the_stream_and_lets_the_cancellation_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        done = serve(nursery, server, Echo)
        await client.send_all(b"hello")
        assert await client.receive_some() == b"hello"
        nursery.cancel_scope.cancel()
    assert not done.is_set()
    assert await everything(client) == b""
    assert caplog.messages == [
        "connected 192.0.2.1:4242",
        "received 5 bytes from 192.0.2.1:4242",
        "closed 192.0.2.1:4242 (limit)",
    ]
