"""The command line that `suite serve` and `python -m PACKAGE` share, as a user meets it."""

import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from suite.launch import open_listener

HELP = {
    "--service S", "--host H", "--port P", "--backlog N", "--workers N", "--high-water BYTES", "--drain-grace S",
    "-v, --verbose", "-h, --help",
}  # fmt: skip


def run(package: str, *options: str) -> tuple[int, str, str]:
    """Run `python -m PACKAGE OPTIONS` to its end; return exit code, stdout, stderr."""
    command = [sys.executable, "-m", package, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("package", ["raw_impl", "trio_impl", "twisted_impl"])
def test_help_names_every_option(package: str) -> None:
    code, out, err = run(package, "--help")
    assert (code, err) == (0, "")
    assert {option for option in HELP if f"  {option} " not in out and f"  {option}\n" not in out} == set()


@pytest.mark.parametrize(
    ("package", "options", "line"),
    [
        ("raw_impl", [], "the following arguments are required: NAME"),
        ("raw_impl", ["epol"], "unknown name 'epol'; choose one of"),
        ("raw_impl", ["trio"], "unknown name 'trio'; choose one of"),
        ("trio_impl", ["--frobnicate"], "unrecognized arguments: --frobnicate"),
        ("trio_impl", ["--port", "http"], "'http' is not a whole number from 0 to 65535"),
        ("trio_impl", ["--port", "65536"], "'65536' is not a whole number from 0 to 65535"),
        ("trio_impl", ["--port", "-1"], "'-1' is not a whole number from 0 to 65535"),
        ("trio_impl", ["--workers", "0"], "'0' is not a whole number from 1 to"),
        ("trio_impl", ["--workers", "1.5"], "'1.5' is not a whole number from 1 to"),
        ("trio_impl", ["--backlog", "1000000000000"], "is not a whole number from 1 to 65535"),
        ("trio_impl", ["--high-water", ""], "'' is not a whole number from 1 to"),
        ("trio_impl", ["--drain-grace", "0"], "'0' is not a number from 0.001 to"),
        ("trio_impl", ["--drain-grace", "nan"], "'nan' is not a number from 0.001 to"),
        ("trio_impl", ["--drain-grace", "inf"], "'inf' is not a number from 0.001 to"),
    ],
)
def test_bad_options_are_usage_errors(package: str, options: list[str], line: str) -> None:
    code, out, err = run(package, *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"usage: python -m {package} ")
    assert line in err.splitlines()[-1]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("package", "options", "line"),
    [
        (
            "trio_impl",
            ["--service", "finger"],
            "unknown service 'finger'; choose one of echo, discard, chargen, qotd, daytime, time",
        ),
        ("trio_impl", ["--host", "no such host"], "cannot resolve host 'no such host': "),
        (
            "trio_impl",
            ["--host", "192.0.2.1"],
            "cannot listen on 192.0.2.1:7788: the address is not of this machine; choose another --host",
        ),
        ("raw_impl", ["native", "--service", "time"], "raw-native serves echo only; choose an own variant for time"),
    ],
)
def test_what_cannot_be_served_is_one_line(package: str, options: list[str], line: str) -> None:
    code, out, err = run(package, *options)
    assert (code, out) == (2, "")
    assert err.startswith(f"python -m {package}: {line}")
    assert err.count("\n") == 1


def test_a_taken_port_is_one_line() -> None:
    with closing(open_listener("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, out, err = run("trio_impl", "--port", str(port))
    assert (code, out) == (2, "")
    assert err.startswith(f"python -m trio_impl: cannot listen on 127.0.0.1:{port}: the port is taken; ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "command", [["raw_impl", "raw-epoll"], ["trio_impl"], ["twisted_impl", "select"]], ids=lambda words: words[0]
)
def test_once_the_ready_line_is_out_a_stop_signal_drains(command: list[str], number: signal.Signals) -> None:
    # Between the line and the loop lie imports and set-up; the signal comes as early as it can, the client before it.
    words = [sys.executable, "-m", *command, "--host", "localhost", "--port", "0", "--service", "qotd"]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            host, _, port = server.stdout.readline().removeprefix("listening ").rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port)), 10) as client:
                server.send_signal(number)
                assert client.makefile("rb").read().endswith(b"\r\n")
            out, err = server.communicate(timeout=20)
            assert (server.returncode, out, err) == (0, "", "")
        finally:
            server.kill()
