import errno
import os
import socket
import subprocess
import sys
import time

from hypothesis import given
from hypothesis import strategies as st

from suite.accepting import Backoff, Decision, decide

# accept(2), NOTES: "Linux accept() passes already-pending network errors on the new socket as an error code from
# accept(). […] the application should detect the network errors defined for the protocol after accept() and treat them
# like EAGAIN by retrying. In the case of TCP/IP, these are"
PENDING = "ENETDOWN EPROTO ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH EOPNOTSUPP ENETUNREACH"
RETRY = {
    getattr(errno, name) for name in [*PENDING.split(), "ECONNABORTED", "ECONNRESET", "ETIMEDOUT", "EINTR", "EPERM"]
}
SHED = {errno.EMFILE, errno.ENFILE}


def test_every_errno_has_a_decision_and_an_unknown_one_pauses() -> None:
    decisions = {number: decide(OSError(number, os.strerror(number))) for number in range(1, 200)}
    assert {number for number, decision in decisions.items() if decision is Decision.RETRY} == RETRY
    assert {number for number, decision in decisions.items() if decision is Decision.SHED} == SHED
    assert set(decisions.values()) == set(Decision)


def test_the_kernel_short_of_memory_pauses() -> None:
    assert {decide(OSError(number, "")) for number in (errno.ENOBUFS, errno.ENOMEM, 4095)} == {Decision.PAUSE}
    assert decide(OSError("no number at all")) is Decision.PAUSE


def test_pauses_double_from_100_ms_to_1_s() -> None:
    backoff = Backoff()
    assert backoff.until == 0.0
    assert [backoff.pause() for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_pause_ends_its_length_from_now() -> None:
    backoff = Backoff()
    before = time.monotonic()
    delay = backoff.pause()
    assert before + delay <= backoff.until <= time.monotonic() + delay


@given(st.integers(1, 10), st.integers(1, 5))
def test_one_success_forgets_the_failures(failures: int, successes: int) -> None:
    backoff = Backoff()
    for _ in range(failures):
        backoff.pause()
    for _ in range(successes):
        backoff.success()
    assert backoff.until == 0.0
    assert [backoff.pause(), backoff.pause()] == [0.1, 0.2]


FULL = """
import errno, os, resource, select, sys
from suite.accepting import Decision, Reserve, decide
from suite.launch import open_listener

def say(*words):
    print(*words, flush=True)

def accept_error(listener):
    try:
        listener.accept()
    except OSError as error:
        return error

resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
listener = open_listener("127.0.0.1", 0)
reserve = Reserve()
say(listener.getsockname()[1])
select.select([listener], [], [], 60)
held, _ = listener.accept()
for turn in range(2):  # the reserve is taken back each time
    hoard = []
    try:
        while True:
            hoard.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        assert error.errno == errno.EMFILE
    say("full")
    sys.stdin.readline()
    say(decide(accept_error(listener)) is Decision.SHED)
    say(*(f"{host}:{port}" for host, port in reserve.shed(listener, 2)))
    say(*(f"{host}:{port}" for host, port in reserve.shed(listener)))
    for fd in hoard:
        os.close(fd)
sys.stdin.readline()
with listener.accept()[0] as late:
    late.sendall(b"late")
held.sendall(b"held")
before = len(os.listdir("/proc/self/fd"))
reserve.close()
reserve.close()
say(before - len(os.listdir("/proc/self/fd")))
"""


def test_a_full_process_turns_the_queue_away_and_keeps_whom_it_has() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FULL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def line() -> str:
            assert server.stdout is not None
            return server.stdout.readline().rstrip("\n")

        def go_on() -> None:
            assert server.stdin is not None
            server.stdin.write("\n")
            server.stdin.flush()

        try:
            address = ("127.0.0.1", int(line()))
            with socket.create_connection(address, 10) as held:
                for _ in range(2):
                    assert line() == "full"
                    queued = [socket.create_connection(address, 10) for _ in range(5)]
                    peers = [f"{host}:{port}" for host, port in (client.getsockname() for client in queued)]
                    go_on()
                    assert line() == "True"
                    assert line().split() == peers[:2]  # as many as asked for, the oldest first
                    assert line().split() == peers[2:]
                    for client in queued:
                        with client:
                            assert client.recv(1) == b""  # an orderly end, and at once
                with socket.create_connection(address, 10) as late:
                    go_on()
                    assert late.recv(10) == b"late"
                assert held.recv(10) == b"held"
            assert line() == "1"  # the reserve is one descriptor, given back once
            assert server.wait(10) == 0
        finally:
            server.kill()
