"""One connection over a real socket on loopback."""

from contextlib import suppress

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.launch import Limits
from suite.services.discard import Discard
from suite.services.echo import Echo
from suite.session import Session
from tests.trio_impl.sessions import Clumsy, Endless, Recorder
from tests.trio_impl.talking import BOUND, MORE, connection, everything, read, reset, serve, until, waiting


@settings(deadline=None)  # the machine may be busy
@given(chunks=st.lists(st.binary(min_size=1, max_size=100_000), max_size=8))
async def test_echoes_every_byte_in_order_then_ends(chunks: list[bytes]) -> None:
    client, sock = connection()

    async def send() -> None:
        for chunk in chunks:
            await client.send_all(chunk)
        await client.send_eof()

    async with client, trio.open_nursery() as nursery:
        done = serve(nursery, sock, Echo)
        nursery.start_soon(send)
        assert await everything(client) == b"".join(chunks)
        await done.wait()


async def test_a_client_that_does_not_read_is_not_read_from(nursery: trio.Nursery) -> None:
    client, sock = connection()
    session = Recorder(answer=b"~" * MORE)
    serve(nursery, sock, lambda: session)
    async with client:
        await client.send_all(b"one")
        await until(lambda: waiting()[1])
        await client.send_all(b"two")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert session.inputs == [b"one"]
        assert await read(client, MORE) == session.answer
        await until(lambda: waiting()[1])
        assert session.inputs == [b"one", b"two"]
    nursery.cancel_scope.cancel()


async def test_own_output_goes_out_in_pieces_of_the_high_water_mark_then_input_is_answered(
    nursery: trio.Nursery,
) -> None:
    client, sock = connection()
    asked: list[int] = []

    class Asked(Recorder):
        def data_to_send(self, limit: int, /) -> bytes:
            asked.append(limit)
            return super().data_to_send(limit)

    done = serve(nursery, sock, lambda: Asked(output=b"0123456789" * 25, answer=b"!"))
    async with client:
        assert await read(client, 250) == b"0123456789" * 25
        assert asked == [100, 100, 100]
        await client.send_all(b"?")
        assert await read(client, 1) == b"!"
        await client.send_eof()
        assert await everything(client) == b""
    await done.wait()


async def test_the_end_is_noticed_while_own_output_goes_out_without_waiting(nursery: trio.Nursery) -> None:
    client, sock = connection()
    session = Endless(output=b"~")
    await client.send_eof()
    done = serve(nursery, sock, lambda: session, Limits(high_water=1))
    async with client:
        assert set(await everything(client)) == set(b"~")
    await done.wait()


async def test_input_is_taken_and_the_end_noticed_while_own_output_waits_for_its_reader(nursery: trio.Nursery) -> None:
    client, sock = connection()
    session = Endless(output=b"~")
    done = serve(nursery, sock, lambda: session, Limits(high_water=MORE))
    async with client:
        await until(lambda: waiting()[1])
        for text in (b"one", b"two", b"three"):
            await client.send_all(text)
            await until(lambda: text in session.inputs)  # noqa: B023 - it is called before the next turn
        await client.send_eof()
        await until(lambda: session.finished)
        assert await everything(client) == b"~" * MORE
    await done.wait()


async def test_a_reply_that_comes_up_during_own_output_follows_the_piece_and_holds_further_input(
    nursery: trio.Nursery,
) -> None:
    client, sock = connection()
    session = Recorder(output=b"x" * (MORE + 50), answer=b"reply")
    serve(nursery, sock, lambda: session, Limits(high_water=MORE))
    async with client:
        await until(lambda: waiting()[1])
        await client.send_all(b"one")
        await until(lambda: session.inputs)
        await client.send_all(b"two")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert session.inputs == [b"one"]
        await client.send_eof()
        got = await everything(client)
        assert got.startswith(b"x" * MORE + b"reply")
        assert sorted(got[MORE + 5 :]) == sorted(b"x" * 50 + b"reply")
        assert session.inputs == [b"one", b"two"]


async def test_a_session_that_cannot_receive_is_given_nothing_until_its_output_is_out(nursery: trio.Nursery) -> None:
    client, sock = connection()
    session = Recorder(output=b"x" * MORE)
    session.can_receive = False
    serve(nursery, sock, lambda: session, Limits(high_water=MORE))
    async with client:
        await client.send_all(b"input")
        await until(lambda: waiting()[1])
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert session.inputs == []
        assert await read(client, MORE) == b"x" * MORE
        await until(lambda: session.inputs == [b"input"])


async def test_a_finished_session_gets_no_more_input_and_lingers_for_the_clients_end(nursery: trio.Nursery) -> None:
    client, sock = connection()
    session = Recorder(output=b"the whole message")
    session.finished = True
    done = serve(nursery, sock, lambda: session, Limits(linger=BOUND))
    async with client:
        assert await everything(client) == b"the whole message"  # and its end: FIN comes before the client's own
        await client.send_all(b"late")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert not done.is_set()
        await client.send_eof()
        await done.wait()
    assert session.inputs == []


async def test_input_of_a_finished_session_is_discarded_while_its_last_output_waits(nursery: trio.Nursery) -> None:
    client, sock = connection()
    session = Recorder(output=b"x" * MORE)
    session.finished = True
    done = serve(nursery, sock, lambda: session, Limits(high_water=MORE))
    async with client:
        await until(lambda: waiting()[1])
        with trio.fail_after(BOUND):
            await client.send_all(b"too late" * (MORE // 8))  # more than the kernel would keep for it
        await client.send_eof()
        assert await everything(client) == b"x" * MORE
    await done.wait()
    assert session.inputs == []


async def test_a_session_that_does_not_say_it_is_finished_ends_with_its_client(nursery: trio.Nursery) -> None:
    client, sock = connection()
    session = Recorder()
    session.receive_eof = lambda: b"farewell"  # type: ignore[method-assign]
    done = serve(nursery, sock, lambda: session)
    async with client:
        await client.send_eof()
        assert await everything(client) == b"farewell"
    await done.wait()


async def test_a_client_that_never_ends_is_closed_after_the_linger(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    client, sock = connection()
    session = Recorder(output=b"bye")
    session.finished = True
    begun = trio.current_time()
    done = serve(nursery, sock, lambda: session, Limits(linger=0.05))
    async with client:
        with trio.fail_after(BOUND):
            while not done.is_set():  # and never stops talking either
                with suppress(trio.BrokenResourceError):
                    await client.send_all(b"blah")
                await trio.sleep(0.001)
        assert trio.current_time() - begun >= 0.05
    assert caplog.messages[-1] == "closed 192.0.2.1:4242 (timeout)"


@pytest.mark.parametrize("own_output", [False, True])
async def test_a_raising_session_ends_its_connection_and_is_logged_once(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, own_output: bool
) -> None:
    client, sock = connection()
    done = serve(nursery, sock, lambda: Clumsy(output=b"~" if own_output else b""), Limits(high_water=MORE))
    async with client:
        await until(lambda: waiting()[own_output])
        await client.send_all(b"!")
        with trio.fail_after(BOUND):
            await done.wait()
    assert caplog.messages == ["session of 192.0.2.1:4242 failed: ZeroDivisionError: clumsy"]


async def test_a_session_that_cannot_even_be_made_ends_its_connection(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    client, sock = connection()

    def no_session() -> Session:
        raise FileNotFoundError("no quotations")

    await serve(nursery, sock, no_session).wait()
    assert caplog.messages == ["session of 192.0.2.1:4242 failed: FileNotFoundError: no quotations"]
    async with client:
        assert await everything(client) == b""


class Ends(Recorder):
    """Ends as soon as it hears something, and has its client reset the connection meanwhile."""

    def __init__(self, client: trio.SocketStream) -> None:
        super().__init__()
        self.client = client

    def receive_data(self, _data: bytes, /) -> bytes:
        reset(self.client)
        self.finished = True
        return b""


@pytest.mark.parametrize("what", ["waiting", "answering", "sending", "ending"])
async def test_a_vanished_client_is_no_trouble(
    nursery: trio.Nursery, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    caplog.set_level("INFO")
    client, sock = connection()
    sessions = {
        "waiting": Echo(),
        "answering": Recorder(answer=b"~" * MORE),
        "sending": Endless(output=b"~"),
        "ending": Ends(client),
    }
    done = serve(nursery, sock, lambda: sessions[what], Limits(high_water=MORE))
    await client.send_all(b"hello")
    if what != "ending":
        await until(lambda: waiting()[what != "waiting"])
        reset(client)
    with trio.fail_after(BOUND):
        await done.wait()
    assert caplog.messages[-1] == "closed 192.0.2.1:4242 (RST)"
    assert {record.levelname for record in caplog.records} == {"INFO"}


async def test_a_client_that_is_always_ready_lets_others_have_their_turn() -> None:
    client, sock = connection()
    others = 0
    turns: list[int] = []

    class Counts(Discard):
        def receive_data(self, data: bytes, /) -> bytes:
            turns.append(others)
            return super().receive_data(data)

    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(client.send_all, bytes(MORE))
        await until(lambda: waiting()[1])  # both buffers are full
        serve(nursery, sock, Counts)
        while len(turns) < 10:
            await trio.lowlevel.checkpoint()
            others += 1
        # In a pass of the scheduler each task has one turn, in any order: two may meet, no three.
        assert all(third > first for first, third in zip(turns, turns[2:], strict=False))
        nursery.cancel_scope.cancel()
