"""The server as a user starts it: `python -m trio_impl`, driven by clients, stopped by signals, its status asserted."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
import trio
import trio.testing

from tests.conftest import eventually

BOUND = 30  # seconds; only a hanging test ever waits so long
ROOT = Path(__file__).parents[2]
Address = tuple[str, int]


class Program:
    """A running `python -m trio_impl --port 0 …` and where it listens."""

    def __init__(self, process: "subprocess.Popen[str]", ready: str) -> None:
        self.process = process
        word, _, address = ready.rstrip("\n").partition(" ")
        host, _, port = address.rpartition(":")
        assert (word, host) == ("listening", "127.0.0.1")
        self.address = (host, int(port))

    def client(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=BOUND)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and what was written to stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=BOUND)
        return self.process.returncode, errors

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime

    def descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


@contextmanager
def program(*options: str) -> Iterator[Program]:
    command = [sys.executable, "-m", "trio_impl", *options, "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Program(process, process.stdout.readline())
        finally:
            process.kill()


def ask(client: socket.socket, text: bytes) -> bytes:
    """Return the echo, or what came before the server ended the connection."""
    client.sendall(text)
    return client.recv(len(text), socket.MSG_WAITALL)


def is_served(server: Program) -> bool:
    with closing(server.client()) as client:
        try:
            return ask(client, b"later") == b"later"
        except ConnectionError:
            return False


def push_until_blocked(client: socket.socket) -> None:
    client.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            client.send(bytes(65536))


def refused(address: Address) -> bool:
    try:
        socket.create_connection(address).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("name", ["trio", "streams", "trio-streams", "native"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_echoes_until_a_stop_signal_then_exits_0_without_a_word(name: str, number: int) -> None:
    with program(name) as server:
        with closing(server.client()) as client:
            assert ask(client, b"hello") == b"hello"
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        assert server.stop(number) == (0, "")
        assert refused(server.address)


def test_the_control_outlives_a_clients_reset() -> None:
    with program("native") as server, closing(server.client()) as bystander:
        for _ in range(10):
            with closing(server.client()) as client:
                push_until_blocked(client)
            # closed with echoes unread, which resets: RFC 2525, section 2.17
        assert ask(bystander, b"still here") == b"still here"


def test_logs_the_words_of_every_driver() -> None:
    with program("--verbose") as server:
        with closing(server.client()) as client:
            host, port = client.getsockname()
            assert ask(client, b"hello") == b"hello"
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
        status, errors = server.stop()
    assert status == 0
    peer = f"{host}:{port}"
    assert [line.split(" ", 2)[2] for line in errors.splitlines()] == [
        f"listening {server.address[0]}:{server.address[1]}",
        f"connected {peer}",
        f"received 5 bytes from {peer}",
        f"closed {peer} (FIN)",
    ]


def test_a_second_signal_exits_at_once() -> None:
    with program("--drain-grace", "600") as server, closing(server.client()) as client:
        assert ask(client, b"held") == b"held"
        server.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: refused(server.address), BOUND)
        assert ask(client, b"draining") == b"draining"
        assert server.stop() == (128 + signal.SIGTERM, "")


def test_the_grace_ends_a_client_that_does_not() -> None:
    with program("--drain-grace", "0.3") as server, closing(server.client()) as client:
        assert ask(client, b"idle") == b"idle"
        assert server.stop() == (0, "")
        assert client.recv(1) == b""


async def test_a_stop_truncates_nobody_accepted_or_still_queued() -> None:
    payload = bytes(range(256)) * 4096

    async def exchange(stream: trio.SocketStream, got: list[bytes]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, stream)
            got.append(b"".join([part async for part in stream]))
        await stream.aclose()

    async def send(stream: trio.SocketStream) -> None:
        await stream.send_all(payload)
        await stream.send_eof()

    got: list[bytes] = []
    with program() as server, trio.fail_after(BOUND):
        streams = [await trio.open_tcp_stream(*server.address) for _ in range(25)]
        probe = await trio.open_tcp_stream(*server.address)
        await probe.send_all(b"?")
        assert await probe.receive_some(1) == b"?"  # the queue is first in, first out: the 25 are accepted
        await probe.aclose()
        server.process.send_signal(signal.SIGSTOP)  # the kernel completes connections; nobody accepts them
        streams += [await trio.open_tcp_stream(*server.address) for _ in range(25)]
        async with trio.open_nursery() as nursery:
            for stream in streams:
                nursery.start_soon(exchange, stream, got)
            await trio.testing.wait_all_tasks_blocked()
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGCONT)
        assert [len(each) for each in got] == [len(payload)] * 50
        assert all(each == payload for each in got)
        assert await trio.to_thread.run_sync(server.process.wait, BOUND) == 0


def test_out_of_descriptors_it_sheds_keeps_its_clients_and_recovers() -> None:
    with program() as server, ExitStack() as stack:
        held = [stack.enter_context(closing(server.client())) for _ in range(20)]
        assert all(ask(client, b"first") == b"first" for client in held)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (server.descriptors() + 20,) * 2)
        surplus = [stack.enter_context(closing(server.client())) for _ in range(100)]
        before, begun = server.cpu(), time.monotonic()
        while time.monotonic() < begun + 2.5:
            assert all(ask(client, b"still") == b"still" for client in held)
            surplus.append(stack.enter_context(closing(server.client())))
            time.sleep(0.1)
        busy = (server.cpu() - before) / (time.monotonic() - begun)
        assert busy < 0.25  # a server that spins on EMFILE takes all it can get
        for client in surplus:
            client.close()
        # Whoever comes before the server has seen them go is shed at most.
        assert eventually(lambda: is_served(server), BOUND)
        for client in held:
            client.close()
        status, errors = server.stop()
    assert status == 0
    lines = errors.splitlines()
    assert 2 <= len(lines) <= 6  # one a second
    assert all("accept failed, pausing for" in line and "Too many open files" in line for line in lines)


@pytest.mark.parametrize("name", ["trio", "streams"])
def test_clients_that_have_come_and_gone_take_no_descriptor_from_the_next(name: str) -> None:
    with program(name) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (server.descriptors() + 20,) * 2)
        server.process.send_signal(signal.SIGSTOP)  # the kernel completes connections; nobody accepts them
        for _ in range(200):
            with closing(server.client()) as client:
                client.sendall(b"gone")
        with closing(server.client()) as last:
            server.process.send_signal(signal.SIGCONT)
            assert ask(last, b"here") == b"here"
        assert server.stop() == (0, "")


def test_a_taken_port_is_one_line_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = str(owner.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", "trio_impl", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}: the port is taken" in ended.stderr
