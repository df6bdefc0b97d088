"""Commands that cannot be a target: one line says why and what to do, and nothing is left behind; nor after our death."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from suite.errors import SuiteError, UsageError
from suite.process import Server, last_words
from tests.conftest import ECHO, Script, eventually

pytestmark = pytest.mark.usefixtures("nothing_left")


def failure(command: list[str], **options: Any) -> str:
    """Return the error line of a command that cannot be a target."""
    with pytest.raises(SuiteError) as caught:
        Server.start(command, **options)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_command_without_port_is_a_usage_error(socat: list[str]) -> None:
    text = failure(["socat", "TCP-LISTEN:7788,fork", "EXEC:cat"])
    assert "socat is not told its port; put {port}" in text
    with pytest.raises(UsageError):
        Server.start([])


def test_unusable_host_or_limit_is_a_usage_error(socat: list[str]) -> None:
    for options in ({"host": "no.such.host.invalid"}, {"host": "192.0.2.1"}, {"nofile": 0}, {"nofile": 10**9}):
        with pytest.raises(UsageError, match=r"\b(give|choose)\b"):
            Server.start(socat, **options)


def test_command_not_found() -> None:
    assert (
        failure(["no-such-server", "{port}"])
        == "cannot start no-such-server: command not found; check its spelling, or give its path"
    )


def test_command_not_executable(tmp_path: Path) -> None:
    path = tmp_path / "plain"
    path.write_text("hello")
    assert "Permission denied" in failure([str(path), "{port}"])
    path.chmod(0o755)
    assert "Exec format error; name its interpreter" in failure([str(path), "{port}"])


def test_command_that_ends_at_once_is_quoted() -> None:
    text = failure(["sh", "-c", "echo trying >&2; echo no licence file; exit 3 #{port}"])
    assert text.startswith("sh exited with status 3 before it listened on port ")
    assert text.endswith("; it said: no licence file")


def test_command_that_is_killed_says_so() -> None:
    assert "sh was killed by signal 11 (Segmentation fault)" in failure(["sh", "-c", "kill -SEGV $$ #{port}"])


def test_command_that_never_listens() -> None:
    began = time.monotonic()
    text = failure(["sh", "-c", "sleep 60 #{port}"], timeout=0.3)
    assert "within 0.3 s" in text
    assert time.monotonic() - began < 5


def test_command_that_listens_elsewhere_is_told_where(script: Script) -> None:
    command = script("print(sys.argv, file=sys.stderr); serve()", ECHO.replace("int(sys.argv[2])", "0"))
    text = failure(command, timeout=0.5)
    assert "listens on 127.0.0.1:" in text
    assert "put {port} where it takes its port" in text


def test_listener_of_another_process_is_not_taken_for_the_servers(script: Script) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        text = failure(script("time.sleep(60)", "import time\n"), port=ours.getsockname()[1], timeout=0.5)
    assert "did not listen" in text


def test_taken_port_is_the_commands_own_message(socat: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        text = failure(["socat", "TCP-LISTEN:{port},fork", "EXEC:cat"], port=ours.getsockname()[1])
    assert "Address already in use" in text


# -- nothing is left behind ------------------------------------------------------------------------------------------


def test_interrupt_while_it_waits_for_the_listener() -> None:
    """Ctrl-C, as the terminal sends it, before `start` has returned; `nothing_left` looks for what it forgot."""
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        Server.start(["sh", "-c", "setsid sleep 60 & sleep 60 #{port}"])


def test_exception_inside_the_context_kills_at_once(socat: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), Server.start(socat) as server:
        raise ZeroDivisionError
    assert server.tree() == ()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_our_own_death_takes_the_server_along(number: signal.Signals, socat: list[str]) -> None:
    """SIGKILL gives us no chance to clean up; the reaper does."""
    code = """
        import time
        from suite.process import Server, last_words
        server = Server.start(["sh", "-c", "setsid socat TCP-LISTEN:{port},fork EXEC:cat & wait"])
        print(*server.tree(), flush=True)
        time.sleep(60)
    """
    tool = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with tool:
        assert tool.stdout is not None
        pids = [int(word) for word in tool.stdout.readline().split()]
        tool.send_signal(number)
        tool.wait(10)
    assert pids
    assert eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_last_words_do_nothing_to_a_terminal() -> None:
    assert last_words("begin\n\x1b]0;title\x07\x1b[31mred é\n\n") == "\\x1b]0;title\\x07\\x1b[31mred é"
