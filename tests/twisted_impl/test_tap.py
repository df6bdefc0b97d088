"""twistd as a user starts it."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.twisted_impl.running import (
    PATIENCE,
    TWISTD,
    Running,
    connect,
    echoes,
    environment,
    read_to_end,
    started,
    wait_for,
)

FREE = "tcp:0:interface=127.0.0.1"


@contextmanager
def twistd(*arguments: str, reactor: str = "epoll", listens: int = 1) -> Iterator[tuple[Running, list[int]]]:
    """Run twistd in the foreground until it listens; yield it and its ports."""
    command = [TWISTD, "-n", "--pidfile=", "--logfile=twistd.log", f"--reactor={reactor}", "suite", *arguments]
    with started(command, log="twistd.log") as server:
        wait_for(lambda: server.log.count("SessionFactory starting on") == listens, "listening port in the log")
        ports = [int(port) for port in re.findall(r"SessionFactory starting on (\d+)", server.log)]
        server.address = ("127.0.0.1", ports[0])
        yield server, ports


@pytest.mark.parametrize("reactor", ["epoll", "poll", "select"])
def test_serves_on_the_chosen_reactor_and_dies_by_the_signal(reactor: str) -> None:
    with twistd("--listen", FREE, "-v", reactor=reactor) as (server, _):
        assert f"twisted.internet.{reactor}reactor." in server.log
        with connect(server) as client:
            assert echoes(client, b"hello twistd")
        server.logged(r"\[suite#info\] connected 127\.0\.0\.1:\d+")
        server.logged(r"\[suite#info\] received 12 bytes from 127\.0\.0\.1:\d+")
        server.logged(r"\[suite#info\] closed 127\.0\.0\.1:\d+ \(FIN\)")
        assert server.stop() == -signal.SIGTERM
        assert "Traceback" not in server.log


def test_several_endpoints_and_another_service(tmp_path: Path) -> None:
    path = tmp_path / "s"
    words = ["--listen", f"unix:{path}", "--listen", FREE, "--listen", FREE, "--service", "daytime"]
    with twistd(*words, listens=3) as (server, ports):
        assert len(set(ports)) == 2
        for port in ports:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                assert read_to_end(client).endswith(b"-UTC\r\n")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            assert read_to_end(client).endswith(b"-UTC\r\n")
        assert "connected" not in server.log  # without -v
        server.stop()
    assert not path.exists()


def test_stop_drains_the_queue_and_the_sessions() -> None:
    text = bytes(range(256)) * 4096
    with twistd("--listen", FREE) as (server, _), connect(server) as held:
        assert echoes(held, b"accepted")
        server.kill(signal.SIGSTOP)
        with connect(server) as queued:
            for client in held, queued:
                client.sendall(b"a first word")
            server.kill(signal.SIGTERM)
            server.kill(signal.SIGCONT)
            for client in held, queued:
                assert client.recv(12, socket.MSG_WAITALL) == b"a first word"
                client.settimeout(PATIENCE)
                client.sendall(text[:65536])
                client.shutdown(socket.SHUT_WR)
                assert read_to_end(client) == text[:65536]
        assert server.process.wait(PATIENCE) == -signal.SIGTERM


def test_the_grace_is_bounded() -> None:
    with twistd("--listen", FREE, "--drain-grace", "0.3") as (server, _), connect(server) as idle:
        assert echoes(idle, b"hello")
        server.kill(signal.SIGTERM)
        with pytest.raises(ConnectionResetError):
            idle.recv(1)
        assert server.process.wait(PATIENCE) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["--service", "nope"], "unknown service 'nope'; choose one of echo, "),
        (["--listen", "frob:1"], "cannot understand the endpoint 'frob:1': Unknown endpoint type: 'frob'"),
        (["--listen", "tcp:"], "cannot understand the endpoint 'tcp:': "),
        (["--listen", "systemd:domain=INET:index=0"], "cannot understand the endpoint 'systemd:"),
        (["--drain-grace", "-1"], "-1 is not a positive number of seconds"),
        (["--frob"], "option --frob not recognized"),
        (["stray"], "Wrong number of arguments"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], cause: str) -> None:
    run = subprocess.run([TWISTD, "-n", "--pidfile=", "suite", *arguments], env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE)  # fmt: skip
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("twistd suite: ")
    assert cause in run.stderr


@pytest.mark.parametrize("foreground", [True, False])
def test_a_taken_port_is_one_line_after_the_banner(foreground: bool, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        endpoint = f"tcp:{owner.getsockname()[1]}:interface=127.0.0.1"
        command = [TWISTD, "--pidfile=pid", "--logfile=log", *["-n"][:foreground], "suite", "--listen", endpoint]
        run = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE)  # fmt: skip
    assert run.returncode == 1
    # A daemon's parent is told, and exits, before the daemon has cleaned up and logged the reason.
    wait_for(lambda: (tmp_path / "log").read_text().count("\n") == 3, "reason in the log")
    wait_for(lambda: not (tmp_path / "pid").exists(), "removal of the pid file")
    banner, reactor, reason = (tmp_path / "log").read_text().splitlines()
    assert "starting up" in banner
    assert "reactor class" in reactor
    assert f"twistd suite: cannot listen on {endpoint}: " in reason
    assert "Address already in use; choose another --listen" in reason


def test_its_own_help_chooses_no_reactor() -> None:
    check = (
        "import sys; from twisted_impl.tap import Options\n"
        "try: Options().parseOptions(['--help'])\n"
        "except SystemExit as end: assert end.code in (0, None)\n"
        "assert 'twisted.internet.reactor' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", check], env=environment(), capture_output=True, text=True, check=True)
    for word in "--listen", "--service", "--drain-grace", "--verbose":
        assert word in run.stdout
