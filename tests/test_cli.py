"""The command as people run it: its words, its exit codes, its one-line errors, and what it leaves behind (nothing)."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from suite import registry
from suite.cli import main
from suite.process import Server, command_of

SUITE = [sys.executable, "-m", "suite"]


def suite(*words: str, timeout: float = 90, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SUITE, *words],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | (env or {}),
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the error line: the only one on stderr, and no traceback anywhere."""
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "raw-epol"), "did you mean raw-epoll"),
        (("check", "nosuch"), "suite list variants"),
        (("check", "raw-epoll", "--service", "gopher"), "unknown service 'gopher'"),
        (("check", "raw-epoll", "--service", "daytime", "--only", "half-close"), "is about the service daytime"),
        (("check", "raw-epoll", "--service", "nowhere:X"), "there is no such module"),
        (("check", "raw-epoll", "--service", "suite.examples.lines:LOWER"), "there is none"),
        (("check", "raw-epoll", "--only", "hc-imediate"), "did you mean hc-immediate"),
        (("check", "raw-epoll", "--only", "fidelity", "--exclude", "fidelity"), "no check is left"),
        (("check", "raw-epoll", "--capability", "max-clients=0"), "positive number"),
        (("check", "raw-epoll", "--capability", "wings"), "unknown capability"),
        (("check", "raw-epoll", "--timeout-factor", "0"), "from 0.1 to 1000"),
        (("check", "raw-epoll", "--json", "/nonexistent/report.json"), "cannot write"),
        (("check", "raw-epoll", "--html", "/nonexistent/report.html"), "choose another --html FILE"),
        (("check",), "nothing to check"),
        (("check", "all", "raw-epoll"), "stands alone"),
        (("check", "raw-epoll", "--peers"), "goes with `all`"),
        (("check", "--"), "no command after --"),
        (("check", "--", "cat"), "{port}"),
        (("check", "raw-epoll", "--", "cat", "{port}"), "not both"),
        (("check", "localhost:http"), "no address"),
        (("check", "127.0.0.1:70000"), "no address"),
        (("check", "http://localhost:80"), "no address"),
        (("check", "raw-epoll", "--only", ""), "--only names nothing"),
        (("check", "unix:"), "give unix:/path"),
        (("explain", "nosuch"), "unknown check"),
        (("explain", "fidelity"), "is a family"),
        (("check", "raw-epoll", "--pid", "1"), "--pid goes with one address"),
        (("check", "127.0.0.1:7", "--nofile", "64"), "ulimit -n 64"),
        (("serve", "nosuch"), "unknown variant"),
        (("serve", "asyncio-streams", "--service", "chargen"), "takes --host and --port"),
        (("serve", "raw-epoll", "--service", "gopher"), "unknown service"),
        (("serve", "raw-native", "--service", "daytime"), "serves echo only"),
        (("serve", "raw-epoll", "--host", "no.such.host.invalid"), "cannot resolve"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(words: tuple[str, ...], says: str) -> None:
    done = suite(*words)
    assert done.returncode == 2, done
    assert says in one_line(done)
    assert not done.stdout


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("dance",),
        ("check", "--profile", "slow"),
        ("serve", "raw-epoll", "--workers", "0"),
        ("check", "--seed", "x"),
    ],
)
def test_unknown_words_are_a_usage_error(words: tuple[str, ...]) -> None:
    done = suite(*words)
    assert done.returncode == 2
    assert "usage: suite" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_port_has_no_verdict() -> None:
    done = suite("check", f"127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert "connection refused; is the server running" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_unknown_host_has_no_verdict() -> None:
    done = suite("check", "no.such.host.invalid:7")
    assert (done.returncode, done.stderr) == (3, "")
    assert "cannot resolve host 'no.such.host.invalid'" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["/nonexistent/server", "{port}"], "not"),
        ([sys.executable, "-c", "raise SystemExit('no such option')", "{port}"], "no such option"),
    ],
)
def test_a_command_that_does_not_serve_has_no_verdict(words: list[str], says: str) -> None:
    done = suite("check", "--", *words)
    assert done.returncode == 3
    assert says in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_serve_on_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = suite("serve", "raw-epoll", "--port", port)
    assert done.returncode == 2
    assert "the port is taken" in one_line(done)


def test_serve_without_permission_for_the_port() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 7:
        pytest.skip("this machine lets everybody bind port 7")
    setpriv = shutil.which("setpriv")
    if os.geteuid() == 0 and setpriv is None:
        pytest.skip("setpriv (util-linux) is needed to give up the privilege")
    without = [setpriv, "--bounding-set=-net_bind_service"] if os.geteuid() == 0 and setpriv else []
    words = [*without, *SUITE, "serve", "raw-epoll", "--port", "7"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "no permission" in one_line(done)


@pytest.mark.parametrize("module", ["uvloop", "gevent"])
def test_a_missing_extra_names_itself(module: str, tmp_path: Path) -> None:
    # Hiding the module from find_spec stands for an environment without the extra.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\nfind = util.find_spec\n"
        f"util.find_spec = lambda name, package=None: None if name == {module!r} else find(name, package)\n"
    )
    variant = next(row.name for row in registry.VARIANTS if module in row.requires)
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = suite("serve", variant, env=env)
    assert done.returncode == 2
    assert f"{module} is not installed (pip install 'suite[peers]')" in one_line(done)
    done = suite("check", variant, env=env)
    assert done.returncode == 3
    assert f"{module} is not installed" in done.stdout
    listed = suite("list", env=env)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert f"unavailable: {module} is not installed" in listed.stdout


def test_check_a_launched_command_and_its_json(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    script = next(row.script for row in registry.VARIANTS if row.name == "asyncio-streams")
    done = suite(
        "check",
        "--only",
        "fid-one-byte,half-close",
        "--seed",
        "7",
        "--json",
        str(report),
        "--",
        sys.executable,
        str(script),
        "{host}",
        "{port}",
    )
    assert done.returncode == 0, done
    assert done.stderr == ""
    assert "conforming" in done.stdout
    data = json.loads(report.read_text())
    assert {"format", "tool", "version", "seed", "service", "targets", "environment", "exit"} <= set(data)
    assert (data["format"], data["tool"], data["seed"], data["service"], data["exit"]) == (1, "suite", 7, "echo", 0)
    (target,) = data["targets"]
    assert target["verdict"] == "conforming"
    assert {"target", "verdict", "capabilities", "seconds", "checks"} <= set(target)
    for check in target["checks"]:
        assert {"id", "family", "level", "verdict", "reason", "expected", "actual", "script", "rate", "repro"} <= set(
            check
        )
        assert check["verdict"] == "PASS"


def test_stock_wire_echo_exits_1_with_a_one_byte_script(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    start = time.monotonic()
    done = suite("check", "twisted-wire", "--only", "hc-immediate", "--json", str(report))
    assert done.returncode == 1
    assert time.monotonic() - start < 20
    assert "FAIL" in done.stdout
    assert "open(0) send(0, 00) fin(0) read_eof(0)" in done.stdout
    (check,) = json.loads(report.read_text())["targets"][0]["checks"]
    assert check["script"] == [["open", 0], ["send", 0, {"hex": "00"}], ["fin", 0], ["read_eof", 0]]
    assert check["verdict"] == "FAIL"
    assert check["rate"]["failed"] == check["rate"]["runs"]


def test_ctrl_c_reports_what_is_known_and_leaves_nothing_behind() -> None:
    with subprocess.Popen(
        [*SUITE, "check", "raw-epoll", "--profile", "thorough"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tool:
        deadline = time.monotonic() + 30
        servers: list[psutil.Process] = []
        while not servers and time.monotonic() < deadline:
            servers = [
                child
                for child in psutil.Process(tool.pid).children(recursive=True)
                if "raw_impl" in " ".join(child.cmdline())
            ]
            time.sleep(0.02)
        assert servers
        time.sleep(1.0)  # somewhere in the middle of the run, wherever that is
        tool.send_signal(signal.SIGINT)
        out, err = tool.communicate(timeout=30)
    assert tool.returncode == 130
    assert "interrupted" in out
    assert "Traceback" not in out + err
    _, alive = psutil.wait_procs(servers, timeout=5)
    assert not alive


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("list",),
        ("list", "checks"),
        ("list", "services", "--json"),
        ("explain", "hc-immediate"),
        ("check", "--help"),
        ("claims", "--help"),
        ("claims", "--list"),
        ("report", "--help"),
    ],
)
def test_talking_about_it_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom suite.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(*sorted({'hdrh', 'hypothesis', 'jinja2', 'pygal', 'rich', 'trio', 'twisted'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout
    assert done.stderr.strip() == ""


def test_list_json_is_complete() -> None:
    rows = json.loads(suite("list", "variants", "--json").stdout)["variants"]
    assert [row["name"] for row in rows if row["kind"] == "own"] == [
        "raw-iterative", "raw-prefork", "raw-fork", "raw-thread", "raw-nonblocking", "raw-select", "raw-poll", "raw-epoll",
        "raw-epoll-edge", "raw-uring", "twisted-epoll", "twisted-poll", "twisted-select", "twisted-producer", "trio",
        "trio-streams",
    ]  # fmt: skip
    checks = json.loads(suite("list", "checks", "--json").stdout)["checks"]
    assert len({row["id"] for row in checks}) == len(checks) >= 45
    assert all(row["requirement"] and row["source"] and row["known"] for row in checks)


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m suite list | true", shell=True, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""


@pytest.mark.parametrize("color", ["always", "never"])
def test_colour_is_as_asked(color: str) -> None:
    done = suite("check", "raw-epoll", "--only", "fid-one-byte", "--color", color)
    assert ("\x1b[" in done.stdout) is (color == "always")


def test_the_catalogue_page_is_current() -> None:
    from suite.conformance.checks import catalogue
    from suite.report.listing import page

    written = Path(__file__).parent.parent / "docs" / "checks.md"
    assert written.read_text() == page(catalogue()), "run: python -m suite.report.listing > docs/checks.md"


def test_a_host_with_several_addresses_is_tried_in_turn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `localhost` often is: ::1 first, where nobody listens."""
    look_up = socket.getaddrinfo

    def both(host: str, port: int, **options: int) -> list[object]:
        names = ("::1", "127.0.0.1") if host == "both.example" else (host,)
        return [row for name in names for row in look_up(name, port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with Server.start(command_of(registry.find("raw-epoll"))) as server:
        assert main(["check", "--only", "fid-one-byte", f"both.example:{server.address[1]}"]) == 0
        server.stop()
        assert f"both.example:{server.address[1]} at 127.0.0.1:" in capsys.readouterr().out
        assert main(["check", "--only", "fid-one-byte", f"both.example:{server.address[1]}"]) == 3
    assert "cannot connect to 127.0.0.1:" in capsys.readouterr().out
