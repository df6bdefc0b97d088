"""The stand-alone peer scripts: each starts as a user would start it, says where, echoes, and imports nothing of ours."""

import ast
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from suite import registry

PEERS = tuple(variant for variant in registry.VARIANTS if variant.kind == "peer")
OURS = {"suite", "raw_impl", "twisted_impl", "trio_impl", "tests"}
every_peer = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)


def script_of(peer: registry.Variant) -> Path:
    assert peer.script is not None
    return peer.script


def test_each_script_is_a_row_and_each_row_has_its_script() -> None:
    folder = Path(registry.__file__).parent / "peers"
    assert {script_of(peer) for peer in PEERS} == set(folder.glob("*.py"))


@every_peer
def test_imports_nothing_of_ours(peer: registry.Variant) -> None:
    imported = set()
    for node in ast.walk(ast.parse(script_of(peer).read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add((node.module or "").partition(".")[0])
    assert imported
    assert not imported & OURS


@every_peer
def test_starts_says_where_and_echoes_two_clients(peer: registry.Variant, tmp_path: Path) -> None:
    if reason := peer.unavailable():
        pytest.skip(reason)
    # The scripts run by their path alone: -P and another directory keep this project out of their sys.path.
    command = [sys.executable, "-P", str(script_of(peer)), "127.0.0.1", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            word, _, address = server.stdout.readline().rstrip("\n").partition(" ")
            host, _, port = address.rpartition(":")
            assert (word, host) == ("listening", "127.0.0.1")
            first, second = (socket.create_connection((host, int(port)), timeout=20) for _ in range(2))
            with closing(first), closing(second):
                for client, text in ((second, b"to the second"), (first, b"to the first"), (second, b"and again")):
                    client.sendall(text)
                    assert client.recv(len(text), socket.MSG_WAITALL) == text
        finally:
            server.terminate()
            server.wait(timeout=20)
