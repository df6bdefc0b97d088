"""What a reply costs in system calls, as strace sees it: who sends at once asks the reactor for nothing."""

import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.twisted_impl.running import TWISTD, Running, connect, echoes, serving, started, wait_for

TRACED = "recvfrom,sendto,epoll_ctl,epoll_wait,poll,select,pselect6"
MESSAGES = 50


def strace(output: Path) -> list[str]:
    """The words that run a command and write its system calls of TRACED down; -D keeps the command our own child."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    words = ["strace", "-D", "-f", "-qq", "-e", "signal=none", "-e", f"trace={TRACED}", "-o", str(output)]
    if subprocess.run([*words, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this machine does not let strace trace")
    return words


def calls(server: Running, output: Path) -> Counter[str]:
    """Exchange MESSAGES messages; return how often the server made which system call for them."""
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for text in (b"-begin-", *(b"message" for _ in range(MESSAGES)), b"--end--"):
            assert echoes(client, text)
    server.stop()

    def between() -> re.Match[str] | None:
        return re.search(r'sendto\(\d+, "-begin-".*?\n(.*)\n.*?recvfrom\(\d+, "--end--"', output.read_text(), re.DOTALL)

    wait_for(between, "last message in the trace")
    found = between()
    assert found
    return Counter(re.findall(r"^\d+ +(\w+)\(", found[1], re.MULTILINE))


@pytest.mark.parametrize(("mechanism", "wait"), [("epoll", "epoll_wait"), ("poll", "poll"), ("select", "pselect6")])
def test_an_eager_reply_is_one_call_beside_the_read_and_the_wait(mechanism: str, wait: str, tmp_path: Path) -> None:
    with serving(mechanism, under=strace(tmp_path / "calls")) as server:
        made = calls(server, tmp_path / "calls")
    # One wait more: the last message's.
    assert made == {wait: MESSAGES + 1, "recvfrom": MESSAGES, "sendto": MESSAGES}


def test_the_producer_asks_and_waits_once_more(tmp_path: Path) -> None:
    with serving("producer", under=strace(tmp_path / "calls")) as server:
        made = calls(server, tmp_path / "calls")
    assert made["epoll_ctl"] >= 2 * MESSAGES
    assert made["epoll_wait"] >= 2 * MESSAGES


def test_twistd_replies_at_once(tmp_path: Path) -> None:
    output = tmp_path / "calls"
    words = ["-n", "--pidfile=", "--logfile=twistd.log", "--reactor=epoll", "suite", "--listen"]
    command = [*strace(output), sys.executable, TWISTD, *words, "tcp:0:interface=127.0.0.1"]
    with started(command, log="twistd.log") as server:
        port = server.logged(r"SessionFactory starting on (\d+)")[1]
        server.address = ("127.0.0.1", int(port))
        made = calls(server, output)
    assert made == {"epoll_wait": MESSAGES + 1, "recvfrom": MESSAGES, "sendto": MESSAGES}
