"""docs/ci.md: its workflow is YAML, and its commands do what it says against a real server."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from suite import registry

PAGE = Path(__file__).parents[1] / "docs" / "ci.md"


def steps() -> list[dict[str, Any]]:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    workflow = yaml.safe_load(text)
    assert workflow[True] == ["push", "pull_request"]  # YAML 1.1 reads the key `on` as true, and GitHub does not mind
    rows: list[dict[str, Any]] = workflow["jobs"]["conformance"]["steps"]
    return rows


def test_what_is_run_is_installed_and_what_is_written_is_kept() -> None:
    rows = steps()
    assert [set(row) & {"uses", "run"} for row in rows] == [{"uses"}] * 2 + [{"run"}] * 4 + [{"uses"}]
    assert rows[2]["run"] == 'python -m pip install "$SUITE" pytest'
    written = " ".join(row.get("run", "") for row in rows)
    assert all(name in written for name in rows[-1]["with"]["path"].split())


@pytest.mark.parametrize(("peer", "check", "codes"), [("asyncio-streams", "hc-clean-end", [0, 0, 0]), ("twisted-wire", "hc-immediate", [1])])  # fmt: skip
def test_its_commands_tell_right_from_wrong(peer: str, check: str, codes: list[int], tmp_path: Path) -> None:
    if shutil.which("ss") is None:
        pytest.skip("ss (iproute2) is not installed")
    script = next(row.script for row in registry.VARIANTS if row.name == peer)
    assert script is not None
    shutil.copy(script, tmp_path / "server.py")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTEST_ADDOPTS": f"--suite-only={check} -p no:cacheprovider",
    }
    seen = []
    for row in steps()[3 : 3 + len(codes)]:
        # One check stands for all, and a free port for 7000.
        command = row["run"].replace("suite check", f"suite check --only {check}").replace("7000", port)
        done = subprocess.run(
            ["bash", "-e", "-c", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{command}"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr
        seen.append(done.returncode)
    assert seen == codes
    assert (tmp_path / "report.json").stat().st_size > 0
    assert (tmp_path / "tests.xml").exists() is (len(codes) > 1)
