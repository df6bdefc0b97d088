"""Evidence on disk and what replaying it says, through the command as people run it."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suite import cli, ports, registry
from suite.conformance import evidence, targets
from suite.conformance.evidence import load
from suite.conformance.replay import replay
from suite.errors import UsageError
from suite.events import Rate

SPECIMEN = str(Path(registry.__file__).parent / "specimens" / "eof_drops_reply.py")
COMMAND = (sys.executable, SPECIMEN, "{host}", "{port}")


def suite(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "suite", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Check a faulty server once; the folder holds `report.json` and `out/repro-….json`. Its name is hostile."""
    folder = tmp_path_factory.mktemp("evidence")
    words = ("--only", "hc-immediate", "--seed", "1", "--repro-dir", "out", "--json", "report.json", "--")
    done = suite("check", *words, *COMMAND, '"\'$(x)\\\n../"""', cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    (path,) = folder.glob("out/*.json")
    for line in (f"replay    suite replay out/{path.name}", f"python3 out/{path.stem}.py HOST PORT", "printf '"):
        assert line in done.stdout
    return folder


def repro(kept: Path) -> Path:
    (path,) = kept.glob("out/*.json")
    return path


def test_the_report_names_the_files(kept: Path) -> None:
    (check,) = json.loads((kept / "report.json").read_text())["targets"][0]["checks"]
    name = repro(kept).stem
    assert check["repro"] == {
        "json": f"out/{name}.json",
        "python": f"out/{name}.py",
        "one_liner": "printf '\\000' | nc -N HOST PORT | od -An -tx1 -v",
    }


def test_the_file_tells_all(kept: Path) -> None:
    data = json.loads(repro(kept).read_text())
    wanted = {
        "format": 1,
        "tool": "suite",
        "check": "hc-immediate",
        "level": "MUST",
        "service": "echo",
        "seed": 1,
        "script": [["open", 0], ["send", 0, {"hex": "00"}], ["fin", 0], ["read_eof", 0]],
        "expected": "1 byte, then FIN",
        "actual": "0 bytes, then FIN",
        "finding": {"kind": "truncated", "client": 0, "hard": True},
    }
    assert {name: data[name] for name in wanted} == wanted
    assert data["target"]["command"][:4] == list(COMMAND)
    assert data["rate"]["failed"] == data["rate"]["runs"] >= 2
    assert data["patience"] >= 0.5
    assert data["environment"]["system"] == "Linux"


def test_the_same_command_still_fails(kept: Path) -> None:
    done = suite("replay", str(repro(kept)), cwd=kept)
    assert done.returncode == 1
    assert done.stdout.startswith("FAILED 20/20 hc-immediate on ")
    assert done.stdout.endswith(": 0 bytes, then FIN, not 1 byte, then FIN\n")


def test_another_server_is_fixed(kept: Path) -> None:
    outcome = replay(load(repro(kept)), targets.parse("raw-epoll", None, targets.How()))
    assert (outcome.word, outcome.rate, outcome.exit) == ("FIXED", Rate(0, 20), 0)


def test_a_race_is_unstable(kept: Path) -> None:
    # Every third connection gets no answer, and every script opens one.
    server = (
        "import itertools, socket, sys\n"
        "listener = socket.create_server((sys.argv[1], int(sys.argv[2])))\n"
        "for n in itertools.count():\n"
        "    sock, _ = listener.accept()\n"
        "    data = sock.recv(9999)\n"
        "    sock.sendall(data if n % 3 else b'')\n"
        "    sock.close()\n"
    )
    words = (sys.executable, "-c", server, "{host}", "{port}")
    outcome = replay(load(repro(kept)), targets.command(words, None, targets.How()))
    assert (outcome.word, outcome.exit) == ("UNSTABLE", 1)


def test_what_was_rare_is_not_fixed_beyond_doubt(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "repro.json"
    for verdict, doubt in (("FAIL", False), ("UNSTABLE", True)):
        path.write_text(changed(kept, verdict=verdict))
        assert cli.main(["replay", str(path), "raw-epoll"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("FIXED 0/20 hc-immediate on raw-epoll: open(0)")
        assert ("replay it more often" in out) is doubt


def test_nothing_listens(kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    address = f"127.0.0.1:{ports.free_port('127.0.0.1')}"
    assert cli.main(["replay", str(repro(kept)), address]) == 3
    said = f"ERROR hc-immediate on {address}: cannot connect to {address}: connection refused"
    assert capsys.readouterr().out.startswith(said)


def test_a_server_that_ends_for_good_is_played_once(kept: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        words = [sys.executable, "-m", "suite", "replay", str(repro(kept)), f"127.0.0.1:{port}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=kept) as running:
            listener.accept()[0].close()
            listener.close()
            out, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert out.startswith("FAILED ")


def changed(kept: Path, **fields: Any) -> str:
    return json.dumps(json.loads(repro(kept).read_text()) | fields)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda kept: repro(kept).read_text()[:200], "was cut off"),
        (lambda _: "", "was cut off"),
        (lambda _: "[" * 100_000, "was cut off"),
        (lambda _: "[]", "is no repro file"),
        (lambda kept: (kept / "report.json").read_text(), "is no repro file"),
        (lambda kept: changed(kept, tool="other"), "is no repro file"),
        (lambda kept: changed(kept, format=2), "has format 2, this version of suite reads 1; update suite"),
        (lambda kept: changed(kept, script=[["open", 0], ["fly", 0]]), "not an operation of a script"),
        (lambda kept: changed(kept, script=[["send", 0, {"hex": "00"}]]), "client 0"),
        (lambda kept: changed(kept, format=0), "has format 0"),
        (
            lambda kept: changed(kept, script=[["open", 0], ["send", 0, {"len": 1 << 40, "seed": 1}]]),
            "not an operation",
        ),
        (lambda kept: changed(kept, script=[["open", 0], ["pause", 1 << 40]]), "not an operation of a script"),
        (lambda kept: changed(kept, script=[]), "has no operation"),
        (lambda kept: changed(kept, target={"kind": "address"}), "'name' is missing"),
        (lambda kept: changed(kept, finding=3), "is damaged"),
    ],
)
def test_a_bad_file_is_one_line(make: Any, words: str, kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "repro.json"
    path.write_text(make(kept))
    with pytest.raises(UsageError) as caught:
        load(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_repro_file_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    words = ("--only", "hc-immediate,fid-one-byte", "--repro-dir", "out", "--json", "report.json", "--")
    done = suite("check", *words, "sh", "-c", 'rmdir out; exec "$0" "$@"', *COMMAND, cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.startswith("suite: cannot write out/repro-hc-immediate-")
    (target,) = json.loads((tmp_path / "report.json").read_text())["targets"]
    assert [(row["verdict"], row["repro"]) for row in target["checks"]] == [("PASS", None), ("FAIL", None)]


def test_a_file_without_end_is_no_repro_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LARGEST", 1000)
    with pytest.raises(UsageError, match="/dev/zero is larger than any repro file"):
        load(Path("/dev/zero"))


def test_what_was_declared_holds_for_the_replay(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = json.loads(repro(kept).read_text())["target"]
    path = tmp_path / "repro.json"
    script = [["open", 0], ["send", 0, {"hex": "00"}], ["fin", 0], ["read_eof", 0]]
    for declared, seen in (({"no-half-close": True}, "ERROR"), ({}, "FAILED")):
        path.write_text(changed(kept, target=target | {"capabilities": declared}, script=script))
        assert cli.main(["replay", str(path)]) == {"ERROR": 3, "FAILED": 1}[seen]
        assert capsys.readouterr().out.startswith(f"{seen} ")
    path.write_text(changed(kept, target=target | {"capabilities": {"wings": 2}}))
    assert cli.main(["replay", str(path)]) == 2
    assert "unknown capability 'wings=2'" in capsys.readouterr().err


def test_usage_errors(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "later.json").write_text(changed(kept, check="hc-later"))
    (tmp_path / "family.json").write_text(changed(kept, check="half-close"))
    (tmp_path / "nul.json").write_text(
        changed(kept, target={"kind": "command", "name": "", "command": ["a\0", "{port}"]})
    )
    (tmp_path / "file").touch()
    sealed = tmp_path / "file" / "out"
    for words, said in (
        (("replay", "none.json"), "cannot read none.json: No such file"),
        (("replay", "later.json"), "has no check 'hc-later'; update suite"),
        (("replay", "family.json"), "has no check 'half-close'"),
        (("replay", "nul.json"), "has a NUL in its words"),
        (("replay", str(repro(kept)), "raw-epol"), "unknown variant 'raw-epol'"),
        (("replay", str(repro(kept)), "raw-epoll", "--", "x", "{port}"), "not both"),
        (("check", "raw-epoll", "--repro-dir", str(sealed)), "choose another --repro-dir"),
        (("check", "raw-epoll", "--repro-dir", str(tmp_path / "file")), "choose another --repro-dir"),
        (("check", "raw-epoll", "--baseline", "none.toml"), "cannot read none.toml"),
    ):
        assert cli.main(words) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), words
        assert said in err


def test_a_baseline_excuses_and_goes_stale(tmp_path: Path) -> None:
    entry = '[[expected]]\nid = "{}"\nreason = "being fixed"\nexpires = 2999-01-01\n'
    (tmp_path / "known.toml").write_text(entry.format("hc-immediate") + entry.format("fid-one-byte"))
    words = ("--only", "hc-immediate,fid-one-byte", "--baseline", "known.toml", "--json", "report.json", "--")
    done = suite("check", *words, *COMMAND, cwd=tmp_path)
    assert done.returncode == 1
    assert "baseline: fid-one-byte passes now; delete the entry" in done.stdout
    assert "known FAIL hc-immediate until 2999-01-01: being fixed" in done.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    assert [check["excused"] for check in report["targets"][0]["checks"]] == [None, "until 2999-01-01: being fixed"]
    assert (report["targets"][0]["verdict"], report["exit"], len(report["stale"])) == ("conforming", 1, 1)
