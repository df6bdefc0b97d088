"""raw-uring on rings that older kernels would give it, or that are too small; and where there is none to be had."""

import errno
import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from suite import registry
from suite.process import Server, command_of
from tests.conftest import ends_well
from tests.raw_impl.running import CANARY, injecting, needs_strace
from tests.wire import connect, echoes, exchange, fill, finish_all, pattern, read_to_end, reset

SERVER = """
import sys
from functools import partial
from raw_impl import _uring, uring
from suite import launch
from suite.services.echo import Echo

mode, host, port = sys.argv[1:]
if "single" in mode:
    _uring.Ring._has_limited_receive = lambda self: False
if "plain" in mode:
    _uring._FLAGS = _uring._FLAGS[-1:]
if "tiny" in mode:
    uring.Ring = partial(_uring.Ring, entries=4, completions=8, buffers=2, read=4096)
if "poll" in mode:
    _uring._ACCEPT_MULTISHOT = 1 << 15  # no such flag: refused as by a kernel that does not know multishot

class Late(Echo):
    \"\"\"Says 4 MB first, taking nothing meanwhile.\"\"\"

    def __init__(self):
        super().__init__()
        self.left = 4_000_000
        self.has_output, self.can_receive = True, False

    def data_to_send(self, limit, /):
        part = b"~" * min(limit, self.left)
        self.left -= len(part)
        self.has_output = self.left > 0
        self.can_receive = not self.has_output
        return part

    def receive_data(self, data, /):
        assert self.can_receive
        return super().receive_data(data)

listener = launch.open_listener(host, int(port))
launch.announce(listener)
uring.serve(Late if "late" in mode else Echo, listener, launch.Limits())
"""
MODES = ("single", "plain", "tiny", "tiny-single", "tiny-plain", "poll")


def start(mode: str) -> Server:
    if reason := registry.find("raw-uring").unavailable():
        pytest.skip(f"raw-uring is unavailable: {reason}")
    return Server.start([sys.executable, "-c", SERVER, mode, "{host}", "{port}"])


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = start(request.param)
    yield server
    ends_well(server)


def test_bytes_come_back_whatever_the_ring(server: Server) -> None:
    payload = random.Random(1).randbytes(4 << 20)
    with connect(server.address) as client:
        assert exchange(client, payload, random.Random(2)) == payload
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""


def test_a_late_reader_loses_nothing_whatever_the_ring(server: Server) -> None:
    with connect(server.address) as client:
        taken = fill(client, 32 << 20, 0.2)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == pattern(taken)


def test_a_crowd_is_served_whatever_the_ring(server: Server) -> None:
    """Many more than there are requests, completions or buffers; some leave by RST, owed what they have not read."""
    rng = random.Random(3)
    with ExitStack() as stack:
        clients = {stack.enter_context(connect(server.address)): rng.randbytes(30_000) for _ in range(100)}
        rude = [connect(server.address) for _ in range(30)]
        for client in rude:
            client.sendall(bytes(100_000))
        for client in rude:
            reset(client)
        assert finish_all(clients) == clients
    with connect(server.address) as client:
        assert echoes(client, CANARY)


@pytest.mark.parametrize("mode", ["late", "late-single", "late-tiny-plain"])
@pytest.mark.parametrize("fin", [False, True])
def test_what_comes_while_no_input_is_taken_is_kept_for_later(mode: str, fin: bool) -> None:
    server = start(mode)
    with connect(server.address) as client:
        client.sendall(CANARY)
        if fin:
            client.shutdown(socket.SHUT_WR)
        got = bytearray()
        while len(got) < 4_000_000 + len(CANARY):
            data = client.recv(100_000)
            assert data
            got += data
        assert bytes(got) == b"~" * 4_000_000 + CANARY
        if fin:
            assert client.recv(1) == b""
    ends_well(server)


@needs_strace
@pytest.mark.parametrize("error", ["EINTR", "EAGAIN", "EBUSY"])
def test_a_call_that_fails_for_now_is_made_again(error: str) -> None:
    """Every third is refused, by a signal or for want of memory: what it was to hand over is handed over by the next."""
    row = registry.find("raw-uring")
    if reason := row.unavailable():
        pytest.skip(f"raw-uring is unavailable: {reason}")
    server = Server.start([*injecting("io_uring_enter", error, "5+3"), *command_of(row)])
    payload = random.Random(4).randbytes(1 << 20)
    with connect(server.address) as client:
        for number in range(50):
            assert echoes(client, b"%032d" % number)
        assert exchange(client, payload, random.Random(5)) == payload
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b""
    ends_well(server)


# -- where there is no io_uring ----------------------------------------------------------------------------------------

WITHOUT = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
# seccomp(2): io_uring_setup (425) fails with this errno, whatever else is done
lines = ((0x20, 0, 0, 0), (0x15, 0, 1, 425), (0x06, 0, 0, 0x00050000 | int(sys.argv[1])), (0x06, 0, 0, 0x7FFF0000))
program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
whole = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(program)))
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, whole) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def without(code: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` where setting up an io_uring fails with an errno."""
    command = [sys.executable, "-c", WITHOUT, str(code), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSYS, "this kernel has no io_uring"),
        (errno.EINVAL, "is too old"),
        (errno.EPERM, ""),  # forbidden by a filter, or for all by a sysctl that this machine may have
        (errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_the_reason_is_told_by_whoever_is_asked(code: int, reason: str) -> None:
    rows = json.loads(without(code, "-m", "suite", "list", "variants", "--json").stdout)["variants"]
    [why] = [row["unavailable"] for row in rows if row["name"] == "raw-uring"]
    assert reason in why
    assert code != errno.EPERM or "seccomp" in why or "kernel.io_uring_disabled" in why
    for words in (["-m", "suite", "serve", "raw-uring"], ["-m", "raw_impl", "uring"]):
        served = without(code, *words, "--port", "0")
        assert (served.returncode, served.stdout) == (2, "")
        assert served.stderr.endswith(f"raw-uring is unavailable: {why}\n")
        assert len(served.stderr.splitlines()) == 1
    checked = without(code, "-m", "suite", "check", "raw-uring", "--only", "fid-one-byte")
    assert checked.returncode == 3
    assert f"raw-uring is unavailable: {why}" in checked.stdout


@pytest.mark.slow
def test_it_is_no_failure_of_all() -> None:
    done = without(errno.EPERM, "-m", "suite", "check", "all", "--only", "fid-one-byte")
    assert done.returncode == 0, done.stdout
    [row] = [line for line in done.stdout.splitlines() if line.startswith("raw-uring ")]
    assert "raw-uring is unavailable: io_uring is" in row
    assert "1 no-verdict" in done.stdout
