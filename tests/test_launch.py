import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from suite.errors import StartError, UsageError
from suite.launch import BACKLOG, Limits, announce, open_listener

UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")


def backlog_of(listener: socket.socket) -> int:
    """Ask the kernel: of a listener, tcpi_sacked is the greatest length of its queue (linux/tcp.h, struct tcp_info)."""
    (greatest,) = struct.unpack_from("=I", listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64), 28)
    assert isinstance(greatest, int)
    return greatest


# -- open_listener


def test_the_listener_is_ready_for_any_mechanism() -> None:
    with closing(open_listener("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        assert port > 0
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
        assert not listener.getblocking()
        assert fcntl.fcntl(listener, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        assert backlog_of(listener) == min(BACKLOG, int(SOMAXCONN.read_text()))
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_backlog_is_the_one_asked_for() -> None:
    with closing(open_listener("127.0.0.1", 0, backlog=7)) as listener:
        assert backlog_of(listener) == 7


def test_accepted_sockets_inherit_tcp_nodelay() -> None:
    with closing(open_listener("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname(), 5):
        select.select([listener], [], [], 5)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_port_can_be_had_again_while_its_last_connection_is_in_time_wait() -> None:
    with closing(open_listener("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address, 5) as client:
            select.select([listener], [], [], 5)
            accepted, _ = listener.accept()
            accepted.close()  # the server's end closes first: TIME_WAIT is its own
            assert client.recv(1) == b""
    with closing(open_listener(*address)) as again:
        assert again.getsockname() == address


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 in this Python")
def test_ipv6(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        listener = open_listener("::1", 0)
    except StartError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    with closing(listener):
        announce(listener)
        assert capsys.readouterr().out == f"listening [::1]:{listener.getsockname()[1]}\n"


@pytest.mark.parametrize("port", [-1, 65536, 10**20])
def test_a_port_out_of_range_is_a_usage_error(port: int) -> None:
    with pytest.raises(UsageError, match=rf"^port {port} is not in 0-65535$"):
        open_listener("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no such host", "", "a..b", "a" * 64, "a\0b"])
def test_an_unknown_host_is_a_usage_error(host: str) -> None:  # none of these gets as far as asking a name server
    with pytest.raises(UsageError, match=r"; give a name or address of this machine$") as caught:
        open_listener(host, 0)
    assert repr(host) in str(caught.value)


def test_a_taken_port_is_named_with_the_way_to_its_owner() -> None:
    with closing(open_listener("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(StartError) as caught:
            open_listener("127.0.0.1", port)
    line = str(caught.value)
    assert line.startswith(f"cannot listen on 127.0.0.1:{port}: the port is taken; ")
    assert f"ss -ltnp 'sport = :{port}'" in line
    assert "--port" in line


def test_a_foreign_address_is_a_start_error() -> None:
    with pytest.raises(
        StartError, match=r"^cannot listen on 192\.0\.2\.1:0: the address is not of this machine; .*--host"
    ):
        open_listener("192.0.2.1", 0)  # TEST-NET-1: nobody's (RFC 5737)


@pytest.mark.skipif(int(UNPRIVILEGED.read_text()) <= 1, reason="every port is free for everybody here")
def test_a_forbidden_port_is_a_start_error() -> None:
    code = "import os\nfrom suite.launch import open_listener\n''.encode('idna')\nos.geteuid() or os.seteuid(65534)\nopen_listener('127.0.0.1', 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert "StartError: cannot listen on 127.0.0.1:1: no permission; choose a port from 1024 up" in done.stderr


def test_a_failure_leaks_no_descriptor() -> None:
    with closing(open_listener("127.0.0.1", 0)) as listener:
        before = sorted(Path("/proc/self/fd").iterdir())
        with pytest.raises(StartError):
            open_listener(*listener.getsockname())
        assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_limits_are_those_of_the_contract() -> None:
    limits = Limits()
    assert (limits.high_water, limits.drain_grace, limits.linger, limits.workers) == (65536, 5.0, 1.0, 16)


# -- announce


def test_the_ready_line(capsys: pytest.CaptureFixture[str]) -> None:
    with closing(open_listener("127.0.0.1", 0)) as listener:
        announce(listener)
        assert capsys.readouterr() == (f"listening 127.0.0.1:{listener.getsockname()[1]}\n", "")


ANNOUNCE = "from suite.launch import *\nannounce(open_listener('127.0.0.1', 0))\nimport os\nos.write(2, b'serving')"


def test_a_server_serves_on_when_nobody_reads_its_ready_line() -> None:
    read, write = os.pipe()
    os.close(read)
    full = os.open("/dev/full", os.O_WRONLY)
    for stdout in (write, full):
        done = subprocess.run(
            [sys.executable, "-c", ANNOUNCE], stdout=stdout, stderr=subprocess.PIPE, timeout=30, check=False
        )
        os.close(stdout)
        assert (done.returncode, done.stderr) == (0, b"serving")
    closed = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, ANNOUNCE]
    done = subprocess.run(closed, stderr=subprocess.PIPE, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"serving")


# -- stop signals

WAITING = """
import os, select, signal, sys
from suite.launch import StopSignal, keep_stop_signals

def say(*words):
    print(*words, flush=True)

def wait(stop, seconds=60):
    return bool(select.select([stop], [], [], seconds)[0])
"""


@contextmanager
def program(code: str) -> Iterator["subprocess.Popen[str]"]:
    """A Python program with two pipes; killed if it has not ended by the end of the block."""
    command = [sys.executable, "-c", WAITING + code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


STOP_TWICE = """
with StopSignal(on_second=lambda: say("second")) as stop:
    say(stop.requested, wait(stop, 0))
    wait(stop)
    say(stop.requested, wait(stop, 0))
    stop.clear()
    say(stop.requested, wait(stop, 0))
    wait(stop)
    say("not reached")
"""


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_ends(first: signal.Signals, second: signal.Signals) -> None:
    with program(STOP_TWICE) as process:
        assert line(process) == "False False"
        process.send_signal(first)
        assert line(process) == "True True"
        assert line(process) == "True False"  # cleared: a level-triggered wait can sleep again
        process.send_signal(second)
        assert line(process) == "second"
        assert line(process) == ""
        assert process.wait(30) == 128 + second


def test_signals_with_a_handler_wake_it_without_asking_to_stop() -> None:
    code = """
signal.signal(signal.SIGCHLD, lambda *_: None)
with StopSignal() as stop:
    if os.fork() == 0:
        os._exit(0)
    say(wait(stop), stop.requested)
"""
    with program(code) as process:
        assert line(process) == "True False"
        assert process.wait(30) == 0


def test_leaving_it_restores_what_was_and_leaks_nothing() -> None:
    code = """
before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), os.listdir("/proc/self/fd")
with StopSignal() as stop:
    say(signal.getsignal(signal.SIGTERM) == before[0])
say((signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), os.listdir("/proc/self/fd")) == before)
say(signal.set_wakeup_fd(-1))
"""
    with program(code) as process:
        assert [line(process) for _ in range(3)] == ["False", "True", "-1"]
        assert process.wait(30) == 0


def test_a_child_that_closes_its_parents_can_have_its_own_and_writes_into_no_connection() -> None:
    code = """
with StopSignal() as stop:
    pid = os.fork()
    if pid == 0:
        stop.close()
        reused = os.pipe2(os.O_NONBLOCK)  # the numbers that the parent's had
        os.kill(os.getpid(), signal.SIGUSR1)
        say(bool(select.select([reused[0]], [], [], 0)[0]))
        with StopSignal() as own:
            os.kill(os.getpid(), signal.SIGTERM)
            say(wait(own), own.requested)
        os._exit(0)
    os.waitpid(pid, 0)
    say(wait(stop, 0), stop.requested)
"""
    with program("signal.signal(signal.SIGUSR1, lambda *_: None)" + code) as process:
        assert line(process) == "False"
        assert line(process) == "True True"
        assert line(process) == "False False"  # the parent was asked nothing
        assert process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_before_the_driver_takes_over_is_kept_for_it(number: signal.Signals) -> None:
    code = """
keep_stop_signals()
say("listening")
sys.stdin.readline()
with StopSignal() as stop:
    say(wait(stop), stop.requested)
"""
    with program(code) as process:
        assert line(process) == "listening"
        process.send_signal(number)
        assert process.stdin is not None
        process.stdin.write("the driver starts\n")
        process.stdin.flush()
        assert line(process) == "True True"
        assert process.wait(30) == 0
