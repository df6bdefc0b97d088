"""The engine over real servers: what it concludes about healthy, faulty, dying, foreign and absent ones."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from suite import ports
from suite.conformance import checks, engine
from suite.conformance.address import Address
from suite.conformance.target import Target
from suite.conformance.targets import How, command, of_variant, parse
from suite.events import CheckFinished, Event, RunFinished, TargetFinished, TargetResult, TargetStarted, Verdict
from suite.registry import Capabilities, find

# A right echo server, a thread per client, with a place for one fault: FAULT runs with the received `data`, the
# running number `n` of the connection, the number `live` of clients that had not ended when it was accepted, itself
# among them (asked of the kernel: their threads may not have noticed yet), and may change data or leave.
SERVER = """
import os, socket, struct, sys, threading
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
counts = {"n": 0, "total": 0}
socks = set()
def open_still(sock):
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\\1"  # TCP_ESTABLISHED
    except OSError:
        return False
def serve(sock, n, live):
    try:
        while data := sock.recv(65536):
            counts["total"] += len(data)
            FAULT
            sock.sendall(data)
    except OSError:
        pass
    finally:
        socks.discard(sock)
        sock.close()
while True:
    sock, _ = listener.accept()
    counts["n"] += 1; socks.add(sock)
    live = sum(map(open_still, list(socks)))
    threading.Thread(target=serve, args=(sock, counts["n"], live), daemon=True).start()
"""


def with_fault(fault: str) -> Target:
    words = [sys.executable, "-c", SERVER.replace("FAULT", fault), "{host}", "{port}"]
    return command(words, None, How(1.0, 1024))


def judge(target: Target, only: tuple[str, ...], *, fail_fast: bool = False) -> tuple[int, TargetResult, list[Event]]:
    events: list[Event] = []
    how = engine.Options(seed=1, descriptors=20000, fail_fast=fail_fast)
    code = engine.run([target], checks.select(only, ()), how, events.append)
    finished = next(event for event in events if isinstance(event, TargetFinished))
    return code, finished.result, events


def verdicts(result: TargetResult) -> dict[str, Verdict]:
    return {row.id: row.verdict for row in result.checks}


def test_a_healthy_variant_conforms() -> None:
    code, result, events = judge(of_variant(find("raw-epoll"), None, How(1.0, 1024)), ("fid-one-byte", "half-close"))
    assert (code, result.verdict, result.note) == (0, "conforming", "")
    assert set(verdicts(result).values()) == {Verdict.PASS}
    kinds = [type(event) for event in events]
    assert kinds.count(TargetStarted) == kinds.count(RunFinished) == 1
    assert sum(row.scripts for row in result.checks if row.id == "hc-generated") >= 200
    assert [event.result.id for event in events if isinstance(event, CheckFinished)].count("hc-immediate") == 1


def test_a_server_that_is_slow_to_accept_is_judged_in_time() -> None:
    # Fifteen hundred clients would be cut at twenty seconds, twice; what is given back takes two, and is looked at once.
    slow = SERVER.replace("import os", "import time, os").replace("accept()\n", "accept(); time.sleep(0.01)\n")
    target = command([sys.executable, "-c", slow.replace("FAULT", "pass"), "{host}", "{port}"], None, How(1.0, 1024))
    code, result, _ = judge(target, ("res-fd", "res-thread", "res-child", "res-zombie", "chu-serial"))
    assert (code, set(verdicts(result).values())) == (0, {Verdict.PASS})
    looked, *same = result.checks[:4]
    assert looked.seconds > 1 > sum(row.seconds for row in same)
    assert result.seconds < 20


def test_stock_wire_echo_fails_with_one_byte_in_four_operations() -> None:
    code, result, _ = judge(of_variant(find("twisted-wire"), None, How(1.0, 1024)), ("hc-immediate",))
    (row,) = result.checks
    assert (code, row.verdict) == (1, Verdict.FAIL)
    assert row.script == (["open", 0], ["send", 0, {"hex": "00"}], ["fin", 0], ["read_eof", 0])
    assert row.rate is not None
    assert row.rate.failed == row.rate.runs >= 2
    assert row.timeline
    assert row.seconds < 20


# A barrier, a connection of its own, may stand for the first client. How much is left depends on how many restarts the
# eight seconds allow on this machine; a total, above all, needs one for every candidate, since the server remembers.
@pytest.mark.parametrize(
    ("fault", "only", "clients", "operations"),
    [
        ("data = bytes(len(data)) if live == 3 else data", "con-generated", {3}, 14),
        ("data = data[::-1] if n == 2 else data", "fidelity", {1, 2}, 8),
        ("if len(data) == 777: data = data[:-1]", "fid-length", {1}, 600),
        ("if counts['total'] > 1 << 20: data = b'x' + data[1:]", "fidelity", set(range(1, 9)), 40),
    ],
    ids=["exactly three clients", "second connection", "one length", "past a total"],
)
def test_finds_and_shrinks_what_nobody_listed(fault: str, only: str, clients: set[int], operations: int) -> None:
    code, result, _ = judge(with_fault(fault), (only,), fail_fast=True)
    assert code == 1
    row = next(row for row in result.checks if row.failed)
    assert row.script is not None
    assert len({op[1] for op in row.script if op[0] == "open"}) in clients, row
    assert len(row.script) <= operations, row


def test_a_server_that_dies_is_restarted_and_its_death_is_the_finding() -> None:
    target = with_fault("os._exit(3) if len(data) == 1000 else None")
    code, result, _ = judge(target, ("fid-one-byte", "hc-immediate", "hc-idle"))
    assert code == 1
    found = {row.id: row for row in result.checks}
    assert found["fid-one-byte"].verdict is found["hc-idle"].verdict is Verdict.PASS
    assert found["hc-immediate"].verdict is Verdict.FAIL
    assert "exited with status 3" in found["hc-immediate"].reason
    assert any(op[0] == "send" and op[2].get("len") == 1000 for op in found["hc-immediate"].script or ())


def test_an_address_that_dies_ends_the_run() -> None:
    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock, listener:
            sock.sendall(sock.recv(100))

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, args=(listener,), daemon=True)
    thread.start()
    target = parse(f"127.0.0.1:{listener.getsockname()[1]}", None, How(1.0, 1024))
    code, result, _ = judge(target, ("fid-one-byte", "fid-all-bytes", "fid-length"))
    thread.join(10)
    assert code == 1
    assert "answers no client any more" in result.note
    assert verdicts(result)["fid-length"] is Verdict.SKIPPED


def test_a_server_that_dies_in_a_check_of_lesser_level_is_not_conforming() -> None:
    # It exits at ten bytes, which only the SHOULD check among these sends, and nothing restarts it.
    source = SERVER.replace("FAULT", "os._exit(3) if len(data) == 10 else None")
    with socket.create_server(("127.0.0.1", 0)) as spare:
        port = spare.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", source, "127.0.0.1", str(port)]) as server:
        wait_until_listening(port)
        target = parse(f"127.0.0.1:{port}", None, How(1.0, 1024))
        code, result, _ = judge(target, ("fid-one-byte", "rst-after-fin", "con-late-joiner"))
        server.kill()
    assert (code, result.verdict) == (1, "non-conforming")
    assert verdicts(result)["con-late-joiner"] is Verdict.SKIPPED


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 10
    while not any(listener.port == port for listener in ports.listeners()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def one_answer(answer: bytes) -> Iterator[str]:
    """Serve a connection at a time: read something, answer always the same."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(10)
                try:
                    sock.recv(1000)
                    sock.sendall(answer)
                    while sock.recv(1000):
                        pass
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("answer", "said"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1 400"), (b"", "it answered nothing")]
)
def test_what_is_no_echo_server_is_told_so_at_once(answer: bytes, said: str) -> None:
    with one_answer(answer) as address:
        code, result, _ = judge(parse(address, None, How(0.2, 1024)), ())
    assert code == 1
    assert result.note.startswith("not an echo server")
    assert said in result.note
    assert "--service" in result.note
    assert list(verdicts(result).values()).count(Verdict.SKIPPED) == len(result.checks) - 1


@pytest.mark.parametrize("only", ["rst-after-fin", "con-late-joiner", "rst-not-by-server", "hc-clean-end"])
def test_what_is_no_echo_server_does_not_conform_whatever_is_asked_of_it(only: str) -> None:
    with one_answer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        code, result, _ = judge(parse(address, None, How(0.2)), (only,))
    assert (code, result.verdict) == (1, "non-conforming")
    assert result.note.startswith("not an echo server")


def test_an_end_that_comes_late_once_and_a_little_late_always_is_no_end_that_never_comes() -> None:
    # It ends each connection 0.4 s after its client has, and the first of all those that say nothing after 1.4 s.
    pause = "import time; time.sleep(1.4 if not data and not counts.get('hiccup') and counts.update(hiccup=1) is None else 0.4)"
    source = SERVER.replace("FAULT", "pass").replace(
        "    finally:\n", f"    finally:\n        data = locals().get('data')\n        {pause}\n"
    )
    target = command([sys.executable, "-c", source, "{host}", "{port}"], None, How())
    code, result, _ = judge(target, ("hc-idle", "hc-immediate"))
    assert (code, set(verdicts(result).values())) == (0, {Verdict.PASS})


def test_an_unreachable_address_has_no_verdict() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    code, result, _ = judge(parse(f"127.0.0.1:{port}", None, How(1.0, 1024)), ())
    assert (code, result.verdict) == (3, "no-verdict")
    assert "connection refused" in result.note
    assert set(verdicts(result).values()) == {Verdict.SKIPPED}


def test_every_address_of_a_host_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as spare:
        port = spare.getsockname()[1]
    target = with_fault("pass")
    with target:
        where = target.address
        dead = Address(socket.AF_INET, ("127.0.0.1", port))
        live = Address(socket.AF_INET, ("127.0.0.1", int(where.rpartition(":")[2])))
        both = Target("both", "address", Capabilities(), addresses=(dead, live))
        code, result, _ = judge(both, ("fid-one-byte",))
    assert (code, result.address) == (0, where)


@pytest.mark.parametrize(
    "words", [["false", "{port}"], [sys.executable, "-c", "print('no config'); raise SystemExit(7)", "{port}"]]
)
def test_a_command_that_exits_at_once_has_no_verdict(words: list[str]) -> None:
    code, result, _ = judge(command(words, None, How(1.0, 1024)), ())
    assert (code, result.verdict) == (3, "no-verdict")
    assert result.note


def test_an_interrupt_reports_what_is_known() -> None:
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, CheckFinished) and (event.result.id, event.result.verdict) == (
            "hc-immediate",
            Verdict.PASS,
        ):
            raise KeyboardInterrupt

    both = [of_variant(find(name), None, How(1.0, 1024)) for name in ("raw-epoll", "trio")]
    code = engine.run(both, checks.select(("half-close",), ()), engine.Options(seed=1), emit)
    finished = events[-1]
    assert isinstance(finished, RunFinished)
    assert (code, finished.exit, finished.interrupted) == (130, 130, True)
    result, never = finished.targets
    assert verdicts(result)["hc-immediate"] is Verdict.PASS
    assert Verdict.SKIPPED in verdicts(result).values()
    assert (never.verdict, never.note, set(verdicts(never).values())) == (
        "no-verdict",
        "not begun: interrupted",
        {Verdict.SKIPPED},
    )


def test_declared_limits_are_skipped_not_failed() -> None:
    target = of_variant(find("raw-iterative"), None, How(1.0, 1024))
    code, result, _ = judge(target, ("fid-one-byte", "con-n", "con-open-order"))
    assert code == 0
    assert verdicts(result)["con-open-order"] is Verdict.SKIPPED
    assert result.capabilities == {"max-clients": 1}
