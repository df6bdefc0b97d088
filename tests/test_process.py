"""A server under test: real commands, started, seen to listen, followed and ended, whatever they do."""

import os
import re
import resource
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from suite import ports, process, registry
from suite.errors import TargetError
from suite.process import Server, command_of
from tests.conftest import ECHO, Script, eventually

pytestmark = pytest.mark.usefixtures("nothing_left")


def echo(address: tuple[str, int], text: bytes = b"a canary of 16 b\n") -> bytes:
    with socket.create_connection(address, timeout=5) as client:
        client.sendall(text)
        return client.recv(len(text), socket.MSG_WAITALL)


# -- starting and stopping ------------------------------------------------------------------------------------------


def test_socat_serves_and_stops(socat: list[str]) -> None:
    with Server.start(socat) as server:
        assert echo(server.address) == b"a canary of 16 b\n"
        assert server.poll() is None
        assert server.tree()[0] == server.pid
        ended = server.stop()
    assert ended.status == 128 + signal.SIGTERM  # socat's own way of ending
    assert (ended.killed, ended.orphans) == (False, ())
    assert server.stop() is ended
    assert server.poll() == ended.status
    assert server.tree() == ()


@pytest.mark.skipif(shutil.which("ncat") is None, reason="ncat is not installed")
def test_ncat_listens_on_both_families() -> None:
    with Server.start(["ncat", "-l", "{port}", "--keep-open", "--exec", "/bin/cat"]) as server:
        assert server.address[0] == "127.0.0.1"
        assert echo(server.address) == b"a canary of 16 b\n"
        assert server.stop().status == -signal.SIGTERM


def test_ready_is_seen_not_probed(script: Script) -> None:
    """The first connection that the server accepts is ours."""
    with Server.start(
        script("peer, _ = listener.accept(); peer.sendall(b'first'); peer.close(); time.sleep(60)")
    ) as server:
        with socket.create_connection(server.address, timeout=5) as client:
            assert client.recv(5, socket.MSG_WAITALL) == b"first"
        server.stop()


def test_ready_line_counts_where_proc_does_not_show_the_listener(script: Script) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:  # nobody of the tree holds it
        port = ours.getsockname()[1]
        command = script(
            "print(f'listening {sys.argv[1]}:{sys.argv[2]}', flush=True); time.sleep(60)", "import sys, time\n"
        )
        with Server.start(command, port=port) as server:
            assert server.address == ("127.0.0.1", port)


def test_daemon_is_followed_into_its_new_session(script: Script) -> None:
    """The classic double fork, with a session of its own and an empty environment."""
    command = script(
        """
        if os.fork():
            os._exit(0)
        os.setsid()
        if os.fork():
            os._exit(0)
        if "again" not in sys.argv:
            listener.close()
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:], "again"], {})
        serve()
        """,
        ECHO.replace("listener =", "time.sleep(0.05)\n    listener ="),
    )
    with Server.start(command) as server:
        assert echo(server.address) == b"a canary of 16 b\n"
        assert server.poll() is None
        (daemon,) = server.tree()
        assert server.pid == daemon
        assert os.getsid(daemon) != os.getsid(0)
        ended = server.stop()
    assert ended.status == -signal.SIGTERM
    assert (ended.killed, ended.orphans) == (False, ())


def test_shell_wrapper_that_leaves_the_server_in_the_background(socat: list[str]) -> None:
    with Server.start(["sh", "-c", "socat TCP-LISTEN:{port},fork,reuseaddr EXEC:cat & exit 0"]) as server:
        assert eventually(lambda: server.poll() is None and server.pid in server.tree())
        assert psutil.Process(server.pid).name() == "socat"
        assert echo(server.address) == b"a canary of 16 b\n"
        assert server.stop().status == 128 + signal.SIGTERM


FORKS = """
    while True:
        sock, _ = listener.accept()
        if os.fork():
            sock.close()
        else:
            sock.sendall(b"child") or sock.recv(1) or os._exit(0)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_child_that_inherited_the_listener_is_no_daemon(script: Script, number: int) -> None:
    with Server.start(script(FORKS)) as server, socket.create_connection(server.address, timeout=5) as client:
        assert client.recv(5, socket.MSG_WAITALL) == b"child"
        master, child = server.tree()
        if number == signal.SIGTERM:
            server.signal(number)
        else:
            os.kill(master, number)  # not asked by us: a death
        assert eventually(lambda: server.poll() == -number)
        with pytest.raises(TargetError, match=f"process {child}, which it left behind, holds the listener"):
            server.restart(same_port=True)


def test_wrapper_that_forwards_no_signal_leaves_an_orphan(socat: list[str]) -> None:
    server = Server.start(["sh", "-c", "socat TCP-LISTEN:{port},fork,reuseaddr EXEC:cat & wait"])
    _, child = server.tree()
    ended = server.stop()
    assert ended.status == -signal.SIGTERM
    assert ended.orphans == (child,)
    assert not psutil.pid_exists(child)


def test_two_daemons_at_once_are_told_apart(socat: list[str]) -> None:
    command = ["sh", "-c", "setsid socat TCP-LISTEN:{port},fork,reuseaddr EXEC:cat & exit 0"]
    with Server.start(command) as one, Server.start(command) as two:
        trees = set(one.tree()), set(two.tree())
        assert trees[0]
        assert trees[1]
        assert not trees[0] & trees[1]
        one.stop()
        assert two.poll() is None
        assert echo(two.address) == b"a canary of 16 b\n"


def test_server_that_ignores_sigterm_is_killed_after_the_grace(script: Script) -> None:
    server = Server.start(
        script("signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); os.fork(); serve()")
    )
    assert eventually(lambda: "deaf" in server.output())
    began = time.monotonic()
    ended = server.stop(grace=0.3)
    assert ended.killed
    assert ended.status == -signal.SIGKILL
    assert 0.3 <= ended.seconds <= time.monotonic() - began < 3


def test_server_that_dies_later_is_reported_by_poll(script: Script) -> None:
    with Server.start(script("serve()")) as server:
        os.kill(server.pid, signal.SIGSEGV)
        assert eventually(lambda: server.poll() is not None)
        assert server.poll() == -signal.SIGSEGV
        assert server.stop().status == -signal.SIGSEGV


def test_restart_takes_a_fresh_port_and_process(socat: list[str]) -> None:
    with Server.start(socat) as server:
        pid, address = server.pid, server.address
        server.restart()
        assert not psutil.pid_exists(pid)
        assert (server.pid, server.address) != (pid, address)
        assert echo(server.address) == b"a canary of 16 b\n"


def test_restart_keeps_a_given_port(socat: list[str]) -> None:
    with Server.start(
        ["socat", f"TCP-LISTEN:{(port := ports.free_port('127.0.0.1'))},fork,reuseaddr", "EXEC:cat"], port=port
    ) as server:
        server.restart()
        assert server.address == ("127.0.0.1", port)


def test_signal_reaches_the_main_process_only(script: Script) -> None:
    body = """
    def note(number, frame):
        print(f"signal {number} to {os.getpid()}", flush=True)
    signal.signal(signal.SIGUSR1, note)
    if not os.fork():
        serve()
    print("set", flush=True)
    while True:
        signal.pause()
    """
    with Server.start(script(body)) as server:
        assert eventually(lambda: "set" in server.output())
        server.signal(signal.SIGUSR1)
        assert eventually(lambda: "signal" in server.output())
        assert server.output().split("\n")[1:] == [f"signal {int(signal.SIGUSR1)} to {server.pid}", ""]


# -- what the child is given ----------------------------------------------------------------------------------------


def test_words_are_replaced_plainly_and_other_braces_stay(script: Script) -> None:
    command = [
        *script("print(sys.argv[3:], flush=True); serve()"),
        "a{host}:{port}b",
        "{}",
        "${x}",
        "%s",
        "{port}{port}",
    ]
    with Server.start(command) as server:
        host, port = server.address
        assert eventually(lambda: "\n" in server.output())
        assert server.output() == f"{[f'a{host}:{port}b', '{}', '${x}', '%s', f'{port}{port}']}\n"


def test_child_gets_none_of_our_descriptors(script: Script) -> None:
    ends = os.pipe()
    try:
        for end in ends:
            os.set_inheritable(end, True)
        with Server.start(script("serve()")) as server:
            links = {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{server.pid}/fd").iterdir()}
            assert links.pop(0) == "/dev/null"
            assert links.pop(1) == links.pop(2) != str(Path("/proc/self/fd/1").readlink())
            assert [link.partition(":")[0] for link in links.values()] == ["socket"]  # the listener
            assert os.getpgid(server.pid) == server.pid
            assert os.getsid(server.pid) != os.getsid(0)
    finally:
        for end in ends:
            os.close(end)


def test_child_starts_with_default_signals(socat: list[str]) -> None:
    """Ours may be ignored or blocked: SIGPIPE by Python itself, SIGHUP by nohup, SIGINT by a shell's `&`."""
    ours = int(re.findall(r"SigIgn:\t(\w+)", Path("/proc/self/status").read_text())[0], 16)
    assert ours & 1 << (signal.SIGPIPE - 1)
    before = [
        (number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR2)
    ]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        server = Server.start(["sh", "-c", "grep Sig /proc/self/status; exec socat TCP-LISTEN:{port},fork EXEC:cat"])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before:
            signal.signal(number, handler)
    with server:
        assert eventually(lambda: "SigCgt" in server.output())
        fields = {name: int(digits, 16) for name, digits in re.findall(r"Sig(Ign|Blk):\t(\w+)", server.output())}
        assert fields["Blk"] == 0
        assert fields["Ign"] & 0x7FFFFFFF == 0  # 32 and 33 are the C library's own: its posix_spawn ignores them


def test_descriptor_limit_is_set_before_the_server_runs(script: Script) -> None:
    with Server.start(
        script("import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), flush=True); serve()"), nofile=64
    ) as server:
        assert eventually(lambda: "\n" in server.output())
        assert server.output() == "(64, 64)\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 64


def test_environment_is_ours_with_additions(script: Script) -> None:
    body = "print(os.environ['ADDED'], os.environ['PATH'], flush=True); serve()"
    with Server.start(script(body), env={"ADDED": "yes"}) as server:
        assert eventually(lambda: "\n" in server.output())
        assert server.output() == f"yes {os.environ['PATH']}\n"


def test_chatty_server_never_blocks_on_its_log(script: Script) -> None:
    """100 MB of log before each answer, while nobody asks for it; what is kept stays within 64 KiB."""
    body = """
    peer, _ = listener.accept()
    for _ in range(1600):
        os.write(2, b"x" * 65535 + b"\\n")
    os.write(1, b"last words\\n")
    peer.sendall(b"done")
    time.sleep(60)
    """
    with Server.start(script(body)) as server, socket.create_connection(server.address, timeout=30) as client:
        assert client.recv(4, socket.MSG_WAITALL) == b"done"
        assert eventually(lambda: server.output().endswith("last words\n"))
        assert len(server.output()) <= 65536


# -- our own servers ------------------------------------------------------------------------------------------------


def test_command_of_a_driver_names_its_package_and_service() -> None:
    command = command_of(registry.find("raw-epoll"), "chargen")
    assert command[:5] == [sys.executable, "-P", "-m", "raw_impl", "raw-epoll"]
    assert command[5:] == ["--service", "chargen", "--host", "{host}", "--port", "{port}"]


def test_command_of_a_peer_names_its_script() -> None:
    variant = registry.find("asyncio-streams")
    assert command_of(variant) == [sys.executable, "-P", str(variant.script), "{host}", "{port}"]
    assert process.command_of(variant)[2].endswith("suite/peers/asyncio_streams.py")
