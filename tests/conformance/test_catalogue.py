"""The catalogue as data: stable names, complete rows, specimens that exist, scripts that keep to their plan."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from suite import conformance
from suite.census import Census
from suite.conformance.checks import FAMILIES, catalogue, find, select
from suite.conformance.plan import Check, Plan
from suite.conformance.script import Script, from_json, normalise, plain, to_json
from suite.conformance.transcript import Transcript
from suite.conformance.watching import Measure
from suite.errors import UsageError
from suite.events import Level

SPECIMENS = Path(conformance.__file__).parents[1] / "specimens"
CHECKS = catalogue()
NOTHING = Census(0, 0, 0, 0, 0, 0, 0.0, 0.0)
every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)

IDS = (
    "fid-one-byte",
    "fid-all-bytes",
    "fid-no-decode",
    "fid-length",
    "fid-no-stale",
    "fid-large",
    "fid-empty",
    "fid-unsolicited",
    "fid-generated",
    "seg-split",
    "seg-byte-by-byte",
    "seg-coalesced",
    "seg-small-latency",
    "seg-pingpong",
    "seg-boundaries",
    "seg-generated",
    "ord-pipelined",
    "ord-duplex",
    "ord-after-stall",
    "ord-generated",
    "hc-immediate",
    "hc-late-reader",
    "hc-idle",
    "hc-no-early-fin",
    "hc-clean-end",
    "hc-no-write-after-eof",
    "hc-generated",
    "dis-fin",
    "dis-abandon-echo",
    "dis-double-write",
    "dis-during-accept",
    "dis-connect-close",
    "dis-mid-stream",
    "dis-many-at-once",
    "dis-fd-reuse",
    "dis-generated",
    "rst-idle",
    "rst-pending",
    "rst-in-backpressure",
    "rst-other-clients",
    "rst-after-fin",
    "rst-not-by-server",
    "rst-generated",
    "con-n",
    "con-open-order",
    "con-late-joiner",
    "con-generated",
    "con-no-crosstalk",
    "con-idle-holder",
    "con-stalled-reader",
    "iso-generated",
    "con-fair",
    "fair-generated",
    "bp-bounded",
    "bp-resume",
    "bp-trickle",
    "bp-deadlock",
    "bp-generated",
    "res-fd",
    "res-thread",
    "res-child",
    "res-zombie",
    "res-rss-slope",
    "res-buffer-pool",
    "res-fin-inherited",
    "bp-rss",
    "bp-writable-spin",
    "hc-spin",
    "chu-serial",
    "chu-burst",
    "ovl-emfile-survive",
    "ovl-emfile-recover",
    "ovl-emfile-spin",
    "ovl-fd1024",
    "ovl-backlog-full",
    "inj-accept-transient",
    "inj-accept-exhausted",
    "inj-accept-spin",
    "inj-fork",
    "inj-recv-eintr",
    "inj-send-eintr",
    "inj-wait-eintr",
    "oob-stream",
    "idle-survive",
    "idle-cpu",
    "sd-sigterm-exits",
    "sd-alone",
    "sd-status",
    "sd-queue",
    "sd-flush",
    "sd-refuse-new",
    "sd-rebind",
    "sd-no-orphans",
    "discard-silent",
    "chargen-flow",
    "chargen-pattern",
    "qotd-close",
    "qotd-512",
    "daytime-line",
    "time-epoch",
    "services-clean-end",
    "services-stayers",
    "pro-answers",
    "pro-generated",
    "pro-split",
    "pro-pipelined",
    "pro-half-close",
    "pro-reconnect",
    "pro-partial-holder",
    "pro-stall",
    "tls-close-notify",
    "tls-truncation",
    "tls-plaintext",
    "tls-stalled-handshake",
)
"""Published: never renumbered, never reused. New ones are added; these stay."""

BELOW_MUST = {
    "inj-accept-spin": Level.SHOULD,
    "inj-fork": Level.SHOULD,
    "inj-recv-eintr": Level.SHOULD,
    "inj-send-eintr": Level.SHOULD,
    "inj-wait-eintr": Level.SHOULD,
    "seg-pingpong": Level.INFO,
    "hc-clean-end": Level.SHOULD,
    "rst-after-fin": Level.SHOULD,
    "rst-not-by-server": Level.SHOULD,
    "con-late-joiner": Level.SHOULD,
    "bp-writable-spin": Level.SHOULD,
    "chu-burst": Level.SHOULD,
    "ovl-emfile-spin": Level.SHOULD,
    "idle-cpu": Level.INFO,
    "sd-status": Level.SHOULD,
    "sd-queue": Level.SHOULD,
    "sd-flush": Level.SHOULD,
    "sd-refuse-new": Level.SHOULD,
    "sd-rebind": Level.SHOULD,
    "chargen-pattern": Level.SHOULD,
    "qotd-512": Level.SHOULD,
    "services-clean-end": Level.SHOULD,
    "tls-close-notify": Level.SHOULD,
}

PROCESS = {"resources", "churn", "overload", "injection", "urgent", "idle", "shutdown", "tls"}
"""Families whose faults are in what a server holds and how it begins and ends; there is nothing to compose freely."""


def planned(check: Check, most_clients: int) -> Plan:
    service = "suite.examples.lines:UPPER" if check.services == ("messages",) else check.services[0]
    return Plan(1, most_clients=most_clients, check=check.id, service=service)


@cache
def scripts_of(check: Check, most_clients: int) -> tuple[Script, ...]:
    return tuple(check.scripts(planned(check, most_clients)))


def test_published_names_stay() -> None:
    names = [check.id for check in CHECKS]
    assert set(IDS) <= set(names)
    assert len(set(names)) == len(names)


def test_levels_are_the_published_ones() -> None:
    assert {name: find(name).level for name in IDS if find(name).level is not Level.MUST} == BELOW_MUST


def test_the_first_client_ever_sends_one_byte() -> None:
    # Nothing has touched the server before: no canary, no calibration.
    first = next(iter(CHECKS[0].scripts(Plan(1, check=CHECKS[0].id))))
    assert CHECKS[0].id == "fid-one-byte"
    assert to_json(first) == [["open", 0], ["send", 0, {"hex": "00"}], ["read", 0, 1]]


def test_families_come_in_order_each_with_one_generated_check() -> None:
    assert list(dict.fromkeys(check.family for check in CHECKS)) == list(FAMILIES)
    # A service that speaks by itself leaves little to compose.
    talking = set(FAMILIES) - PROCESS - {"services"}
    assert Counter(check.family for check in CHECKS if check.generated) == Counter(talking)


@every_check
def test_a_row_is_complete(check: Check) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", check.id)
    assert re.fullmatch(r"[A-Z0-9].*[^.]\.", check.requirement)
    assert check.source
    assert check.known
    assert "://" not in check.known + check.source  # issues are named OWNER/REPO issue N


@every_check
def test_its_specimen_exists(check: Check) -> None:
    assert (SPECIMENS / check.specimen).is_file()


@pytest.mark.parametrize("file", sorted(SPECIMENS.glob("*.py")), ids=lambda file: file.stem)
def test_a_specimen_says_its_fault_and_who_names_it(file: Path) -> None:
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    named = set(re.findall(r"\b[a-z]+(?:-[a-z0-9]+)+\b", text)) & {check.id for check in CHECKS}
    if file.stem.startswith("right_"):
        assert text.startswith("Right, if odd: ")
    else:
        assert text.startswith("Fault: ")
        assert named


def at_once(script: Script) -> int:
    """Return how many connections a script holds at once, at most, those of general barriers included."""
    held: set[int] = set()
    most = 0
    for op in script:
        if op.kind == "open":
            held.add(op.client)
        elif op.kind in ("rst", "close"):
            held.discard(op.client)
        most = max(most, len(held) + (op.kind == "barrier" and op.client < 0))
    return most


@every_check
@pytest.mark.parametrize("most", [1, 8])
def test_scripts_are_normal_and_keep_to_the_clients_of_their_plan(check: Check, most: int) -> None:
    if check.clients > most + 1:
        pytest.skip(f"needs {check.clients} clients")
    if check.needs in ("nofile", "wide"):
        pytest.skip("more clients than a server can hold are its point")
    if check.services == ("messages",) and most < 8:
        pytest.skip("drawing takes its time; one plan must do")
    scripts = scripts_of(check, most)
    assert scripts
    room = max(most, check.clients)
    # A target of N clients is planned for with N - 1: a general barrier, on a connection of its own, still fits.
    room += most > 1
    for script in scripts:
        assert normalise(script, as_echo="echo" in check.services) == script or not check.generated
        assert from_json(to_json(script)) == plain(script)
        assert at_once(script) <= room


REPEATED = [
    check for check in CHECKS if not check.generated and (check.services != ("messages",) or check.id == "pro-split")
]
"""Of those that draw messages, one stands for all."""


@pytest.mark.parametrize("check", REPEATED, ids=lambda check: check.id)
def test_scripts_are_the_same_for_the_same_seed(check: Check) -> None:
    assert tuple(check.scripts(planned(check, 8))) == scripts_of(check, 8)


@pytest.mark.parametrize("check", [check for check in CHECKS if check.generated], ids=lambda check: check.id)
def test_generated_checks_play_two_hundred_different_programs(check: Check) -> None:
    drawn = scripts_of(check, 8)
    assert len(drawn) >= 200
    assert len(set(drawn)) == len(drawn)
    assert {len({op.client for op in script}) for script in drawn} >= {3, 4}


def test_the_thorough_profile_plays_five_times_as_many() -> None:
    check = find("fid-generated")
    thorough = tuple(check.scripts(Plan(1, "thorough", most_clients=8, check=check.id)))
    assert len(thorough) == 5 * len(scripts_of(check, 8))


@pytest.mark.parametrize("most", [1, 8])
def test_the_sweep_of_lengths_leaves_none_out(most: int) -> None:
    sent = {op.payload.length for script in scripts_of(find("fid-length"), most) for op in script if op.payload}
    assert sent >= set(range(1, 4201))


def test_a_slow_target_is_asked_for_less() -> None:
    slow = Plan(1, rate=1e5, round_trip=0.2, check="fid-length")
    length, large = (next(iter(find(name).scripts(slow))) for name in ("fid-length", "fid-large"))
    assert sum(op.kind == "read" for op in length) == 15
    assert sum(op.payload.length for op in large if op.payload) == 100_000


def test_a_target_that_accepts_slowly_is_sent_fewer_clients() -> None:
    throttled = Plan(1, visit=0.05, check="chu-serial")
    (script,) = find("chu-serial").scripts(throttled)
    assert sum(op.kind == "open" for op in script) == 200


def test_what_was_cut_before_the_last_count_has_not_looked_for_what_is_kept() -> None:
    transcript = Transcript((), measures=[Measure(NOTHING, NOTHING, 0.0)])
    reached = {find(name).premise[1](transcript) for name in ("res-fd", "res-thread", "res-child", "res-zombie")}
    assert reached == {False}


def test_checks_are_chosen_by_name_and_family() -> None:
    assert [check.id for check in select(("bp-bounded", "ordering"), ("ord-generated",))] == [
        "ord-pipelined",
        "ord-duplex",
        "ord-after-stall",
        "bp-bounded",
    ]


@pytest.mark.parametrize(
    ("only", "exclude", "says"),
    [
        (("hc-imediate",), (), "did you mean hc-immediate"),
        ((), ("orderin",), "did you mean ordering"),
        (("zzz",), (), "suite list checks"),
        (("ordering",), ("ordering",), "no check is left"),
    ],
)
def test_a_wrong_choice_is_told(only: tuple[str, ...], exclude: tuple[str, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        select(only, exclude)
