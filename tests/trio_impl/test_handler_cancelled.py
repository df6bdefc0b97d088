"""One connection over a real socket, cancelled wherever it can be."""

import socket
from contextlib import closing, suppress
from itertools import count

import pytest
import trio
import trio.testing

from suite.launch import Limits
from tests.trio_impl.sessions import PEER, Endless, Recorder
from tests.trio_impl.talking import BOUND, MORE, connection, everything, until, waiting
from trio_impl.handler_sockets import handle


class Cancels(Recorder):
    """Is cancelled while it hears something: it is the next checkpoint that notices."""

    def __init__(self, scope: trio.CancelScope) -> None:
        super().__init__()
        self.scope = scope

    def receive_data(self, data: bytes, /) -> bytes:
        self.scope.cancel()
        return super().receive_data(data)


@pytest.mark.parametrize(
    ("what", "at"),
    [("waiting", (1, 0)), ("answering", (0, 1)), ("sending", (1, 1)), ("lingering", (1, 0)), ("between turns", None)],
)
async def test_cancelled_wherever_it_waits_it_closes_the_socket_and_lets_the_cancellation_pass(
    caplog: pytest.LogCaptureFixture, what: str, at: tuple[int, int] | None
) -> None:
    caplog.set_level("INFO")
    client, sock = connection()
    scope = trio.CancelScope()
    sessions = {
        "waiting": Recorder(),
        "answering": Recorder(answer=b"~" * MORE),
        "sending": Endless(output=b"~"),
        "lingering": Recorder(output=b"bye"),
        "between turns": Cancels(scope),
    }
    session = sessions[what]
    session.finished = what == "lingering"
    async with client:
        await client.send_all(b"hello")
        with trio.fail_after(BOUND):
            async with trio.open_nursery() as nursery:

                async def run() -> None:
                    with scope:
                        await handle(sock, PEER, lambda: session, Limits(high_water=MORE, linger=BOUND), True)

                nursery.start_soon(run)
                if at:
                    await until(lambda: waiting() == at and (session.inputs or session.finished))
                    scope.cancel()
        assert scope.cancelled_caught
        assert sock.fileno() == -1
        assert waiting() == (0, 0)
        assert session.inputs == ([] if session.finished else [b"hello"])
    assert caplog.messages[-1] == "closed 192.0.2.1:4242 (limit)"


class Steps(trio.abc.Instrument):
    """Cancels a scope before a task takes its step number `last`."""

    def __init__(self, scope: trio.CancelScope, last: int) -> None:
        self.scope = scope
        self.left = last
        self.task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if not self.left:
                self.scope.cancel()


async def test_cancelled_before_any_of_its_steps_it_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    """A talk with every kind of turn; there is one fewer step to come each time, and at last none."""
    caplog.set_level("INFO")
    output, answer = b"x" * 600_000, b"~" * 300_000
    for last in count(1):
        client, sock = connection()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        got = b""

        async def talk() -> None:
            nonlocal got
            await client.send_all(b"?")  # noqa: B023 - it is over before the next turn
            await client.send_eof()  # noqa: B023
            with suppress(trio.BrokenResourceError):
                got = await everything(client)  # noqa: B023

        caplog.clear()
        with trio.fail_after(BOUND), closing(client.socket):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(talk)
                with trio.CancelScope() as scope:
                    steps = Steps(scope, last)
                    trio.lowlevel.add_instrument(steps)
                    session = Recorder(output, answer)
                    await handle(sock, PEER, lambda: session, Limits(high_water=300_000), True)  # noqa: B023
                trio.lowlevel.remove_instrument(steps)
        assert sock.fileno() == -1
        assert waiting() == (0, 0)
        ends = [message.rpartition(" ")[2] for message in caplog.messages if message.startswith("closed")]
        assert ends == ["(limit)" if scope.cancelled_caught else "(FIN)"]
        if not scope.cancelled_caught:
            assert sorted(got) == sorted(output + answer)
            break
    assert last > 10
