"""A server's processes are stopped and go on: real ones, by the kernel's word."""

from collections.abc import Iterator

import pytest

from suite import registry
from suite.conformance import targets
from suite.conformance.checks._parts import exchange
from suite.conformance.injecting import threads
from suite.conformance.oracle import findings
from suite.conformance.processes import Processes
from suite.conformance.script import Op, from_json, one_line, to_json
from suite.conformance.target import Target
from suite.process import Server, command_of

HELD = (Op("open", 0), *exchange(0, 50, 1))
COMES = (Op("open", 1, hasty=True), *exchange(1, 50, 2)[:1])


@pytest.fixture
def target() -> Iterator[Target]:
    with targets.of_variant(registry.find("raw-epoll"), None, targets.How()) as target:
        yield target


def test_while_it_stands_still_nobody_is_accepted_and_then_everybody(target: Target) -> None:
    still = (*HELD, Op("freeze"), *COMES, Op("pause", count=100))
    transcript = target.play(still)
    assert (transcript.facts["frozen"], bytes(transcript.conversations[1].received)) == (1, b"")
    transcript = target.play((*still, Op("thaw"), Op("read", 1, count=50), *exchange(0, 50, 3)))
    assert (transcript.completed, findings(transcript, target.oracle)) == (True, [])


def test_a_script_that_ends_early_lets_it_go_on(target: Target) -> None:
    target.play((*HELD, Op("freeze")))
    assert target.play(HELD).completed


def test_every_process_of_a_tree_stands_still_and_goes_on() -> None:
    with Server.start(command_of(registry.find("raw-prefork"))) as server:
        processes = Processes(server, None)
        assert processes.freeze()
        states = [state for pid in server.tree() for state, _ in threads(pid)]
        assert len(states) > 2
        assert set(states) == {"T"}
        processes.thaw()
        assert not {state for pid in server.tree() for state, _ in threads(pid)} & {"T"}


def test_what_was_not_launched_is_never_stopped() -> None:
    with Server.start(command_of(registry.find("raw-epoll"))) as server:
        assert not Processes(None, server.pid).freeze()
        assert [state for state, _ in threads(server.pid)] != ["T"]


def test_a_stopped_server_is_ended_all_the_same() -> None:
    with Server.start(command_of(registry.find("raw-epoll"))) as server:
        assert Processes(server, None).freeze()
        server.restart()
        assert [state for state, _ in threads(server.pid)] != ["T"]


def test_the_operations_have_their_json() -> None:
    script = (Op("freeze"), Op("thaw"))
    assert to_json(script) == [["freeze"], ["thaw"]]
    assert from_json(to_json(script)) == script
    assert one_line(script) == "freeze() thaw()"
