"""The life of the Twisted driver: when accept fails, when select(2) is full, when it is told to stop."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.twisted_impl.running import (
    PATIENCE,
    ROOT,
    Running,
    connect,
    echoes,
    environment,
    read_to_end,
    serving,
    started,
    wait_for,
)

MIB = 1 << 20
mechanisms = pytest.mark.parametrize("mechanism", ["epoll", "poll", "select"])
by_signal = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


def test_importing_chooses_no_reactor() -> None:
    modules = "protocol", "server", "tap", "transport", "native_echo"
    imports = "".join(f"import twisted_impl.{module}; " for module in modules)
    check = f"import sys; {imports} assert 'twisted.internet.reactor' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], env=environment(), cwd=ROOT, check=True)


def test_run_by_its_package_name() -> None:
    """`python -m twisted_impl` alone is the epoll reactor."""
    with serving() as server, connect(server) as client:
        assert echoes(client, b"hello")
        links = {str(fd.readlink()) for fd in Path(f"/proc/{server.process.pid}/fd").iterdir()}
        assert "anon_inode:[eventpoll]" in links
    with started([sys.executable, "-m", "twisted_impl", "iocp"]) as server:
        assert server.process.wait(PATIENCE) == 2
        assert "epoll, native, poll, producer, select" in server.log


def test_words() -> None:
    with serving("-v") as server:
        with connect(server) as client:
            assert echoes(client, b"twelve bytes")
            peer = "{}:{}".format(*client.getsockname())
        server.logged(rf"listening {server.address[0]}:{server.address[1]}\n")
        server.logged(rf"connected {peer}\n")
        server.logged(rf"received 12 bytes from {peer}\n")
        server.logged(rf"closed {peer} \(FIN\)\n")
    with serving() as server:
        with connect(server) as client:
            assert echoes(client, b"twelve bytes")
        assert server.stop() == 0
        assert server.log == ""


@mechanisms
def test_out_of_descriptors(mechanism: str) -> None:
    """A real EMFILE: held clients go on, the others are told, the log stays short, and it passes."""
    with serving(mechanism, "-v") as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        clients = [connect(server) for _ in range(200)]
        held = []
        for client in clients:
            client.settimeout(PATIENCE)
            try:
                if echoes(client, b"anyone there?"):
                    held.append(client)
            except ConnectionError:
                pass  # it was turned away
        assert 40 <= len(held) < 64
        crowd = [connect(server) for _ in range(100)]
        server.logged("accept failed")
        cpu, lines, since = server.cpu_seconds(), server.log.count("accept failed"), time.monotonic()
        for _ in range(5):
            assert all(echoes(client, b"still held") for client in held)
            time.sleep(0.2)
        assert server.cpu_seconds() - cpu < 0.5
        assert server.log.count("accept failed") - lines <= 1 + (time.monotonic() - since)
        for client in clients + crowd:
            client.close()
        wait_for(lambda: served(server), "recovery")
        assert server.stop() == 0


def served(server: Running) -> bool:
    try:
        with connect(server) as client:
            return echoes(client, b"new")
    except ConnectionError:
        return False


@pytest.mark.parametrize("error", ["ENFILE", "ENOMEM", "ENOBUFS", "ECONNABORTED", "EPROTO", "EPERM"])
def test_accept_fails_three_times(error: str) -> None:
    with serving("epoll", under=strace(f"accept4:error={error}:when=1..3")) as server:
        wait_for(lambda: served(server), "service in the end")  # ENFILE may turn the first client away
        assert server.stop() == 0


@mechanisms
@pytest.mark.parametrize("error", ["ENOMEM", "ECONNABORTED"])
def test_accept_never_succeeds(mechanism: str, error: str) -> None:
    """No spin, a line a second, and it still stops."""
    with serving(mechanism, under=strace(f"accept4:error={error}")) as server:
        with connect(server):
            server.logged("accept failed")
            cpu = server.cpu_seconds()
            time.sleep(1)
            assert server.cpu_seconds() - cpu < 0.3
            assert server.log.count("accept failed") <= 3
        assert server.stop() == 0


def strace(injection: str) -> list[str]:
    """The words that run a command with one system call made to fail; -D keeps the command our own child."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    words = ["strace", "-D", "-q", "-o", os.devnull, "-e", "trace=accept4", "-e", f"inject={injection}"]
    if subprocess.run([*words, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine does not let strace trace")
    return words


def test_select_refuses_what_it_cannot_watch() -> None:
    """Twisted's own select reactor takes such clients and drops them without a word."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if 0 < hard < 1200:
        pytest.skip(f"this machine allows {hard} descriptors a process")
    limited = ["sh", "-c", 'ulimit -n 1200 && exec "$@"', "sh"]
    arguments = "select", "echo", "--occupy", "1000"
    with serving(*arguments, module="tests.twisted_impl.odd", under=limited) as server:
        clients = [connect(server) for _ in range(60)]
        held = []
        for client in clients:
            client.settimeout(PATIENCE)
            client.send(b"in?")
            answer = client.recv(3)
            assert answer in {b"in?", b""}  # b"" is a FIN; a reset would have raised
            if answer:
                held.append(client)
        assert 5 <= len(held) <= 24
        cpu = server.cpu_seconds()
        time.sleep(0.5)
        assert server.cpu_seconds() - cpu < 0.2
        assert all(echoes(client, b"untouched") for client in held)
        server.logged(r"cannot watch descriptors from 1024 up")
        server.logged(r"refused 127\.0\.0\.1:\d+")
        server.kill(signal.SIGSTOP)
        with connect(server) as talker:
            talker.sendall(b"said before it was refused")
            server.kill(signal.SIGCONT)
            assert talker.recv(1) == b""
            time.sleep(0.1)  # a reset would follow the FIN within microseconds
            assert talker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        held[0].close()
        wait_for(lambda: served(server), "a free place")
        for client in clients:
            client.close()
        assert server.stop() == 0


@mechanisms
def test_stop_truncates_nobody(mechanism: str) -> None:
    """50 clients with 1 MiB each, half of them still in the accept queue when the signal comes."""
    text = os.urandom(MIB)
    with serving(mechanism) as server:
        answers: list[bytes] = []

        def converse(client: socket.socket) -> None:
            with client:
                client.sendall(text)
                client.shutdown(socket.SHUT_WR)
                answers.append(read_to_end(client))

        accepted = [connect(server) for _ in range(25)]
        assert all(echoes(client, b"accepted") for client in accepted)
        server.kill(signal.SIGSTOP)
        queued = [connect(server) for _ in range(25)]
        threads = [threading.Thread(target=converse, args=[client]) for client in accepted + queued]
        for thread in threads:
            thread.start()
        server.kill(signal.SIGTERM)
        server.kill(signal.SIGCONT)
        for thread in threads:
            thread.join(PATIENCE)
        assert [answer == text for answer in answers] == [True] * 50
        assert server.process.wait(PATIENCE) == 0


@mechanisms
@by_signal
def test_an_idle_server_stops_at_once(mechanism: str, number: int) -> None:
    with serving(mechanism) as server:
        assert served(server)
        begun = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - begun < 4  # less than the grace


def test_sessions_go_on_during_the_grace_and_no_longer() -> None:
    with serving("epoll", "--drain-grace", "1", "-v") as server, connect(server) as client:
        assert echoes(client, b"before")
        server.kill(signal.SIGTERM)
        wait_for(lambda: refused(server), "a closed listener")
        assert echoes(client, b"during")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert server.process.wait(PATIENCE) == 0
        server.logged(r"closed \S+ \(limit\)")


@by_signal
def test_a_second_signal_ends_it_at_once(number: int) -> None:
    with serving("epoll", "--drain-grace", "60") as server, connect(server) as client:
        assert echoes(client, b"before")
        server.kill(number)
        wait_for(lambda: refused(server), "a closed listener")
        assert server.stop(number) == 128 + number


def refused(server: Running) -> bool:
    try:
        connect(server).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it was still listening when the handshake began
    return False


@mechanisms
def test_every_descriptor_comes_back(mechanism: str) -> None:
    with serving(mechanism) as server:
        process = psutil.Process(server.process.pid)
        with connect(server) as client:
            assert echoes(client, b"warm")
        wait_for(lambda: len(process.net_connections()) == 1, "the listener alone")
        base = process.num_fds()
        for _ in range(50):
            with connect(server) as client:
                client.sendall(b"x" * 100)
        wait_for(lambda: process.num_fds() == base, "the base of descriptors")
