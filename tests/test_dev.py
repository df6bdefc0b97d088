"""`./dev` with stand-ins for uv and Python: what it does when, not what the installers do (that is what .ci/run runs)."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DROP_IN = "twisted_impl/dropin/twisted/plugins/suite_plugin.py"

UV = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$1" in
  venv) for last; do :; done; mkdir -p "$last/bin"; printf '#!/bin/sh\\nexit 1\\n' >"$last/bin/python"; chmod +x "$last/bin/python" ;;
  pip) [ ! -e "$BROKEN" ] || exit 1 ;;
esac
"""

PYTHON = """#!/bin/sh
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip") [ "$3" = --version ] || echo "$2" "$@" >>"$CALLS" ;;
esac
"""

OLD_PYTHON = "#!/bin/sh\nexit 1\n"  # it fails the question for 3.11
NO_ENSUREPIP = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n'


@dataclass
class Checkout:
    """A copy of what dev reads, in a folder with a space in its name, and the commands it can find."""

    root: Path
    bin: Path

    def command(self, name: str, text: str) -> None:
        file = self.bin / name
        file.write_text(text)
        file.chmod(0o755)

    def start(self, *words: str, dev: Path | None = None, cwd: Path | None = None) -> "subprocess.Popen[str]":
        broken, calls = self.root.parent / "broken", self.root.parent / "calls"
        return subprocess.Popen(
            [dev or self.root / "dev", *words],
            env={"PATH": str(self.bin), "CALLS": str(calls), "BROKEN": str(broken), "PYTHONHOME": "/nowhere"},
            cwd=cwd or self.root.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, dev: Path | None = None, cwd: Path | None = None) -> tuple[int, str, str]:
        process = self.start(*words, dev=dev, cwd=cwd)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def calls(self) -> list[str]:
        """Return the first words of uv's calls since last asked."""
        file = self.root.parent / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line.split()[0] for line in lines]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, path = tmp_path / "a checkout", tmp_path / "bin"
    path.mkdir()
    (root / DROP_IN).parent.mkdir(parents=True)
    (root / DROP_IN).write_text("# one\n")
    (root / "pyproject.toml").write_text("[project]\n")
    shutil.copy(ROOT / "dev", root / "dev")
    for name in ("sh", "cat", "chmod", "cksum", "cp", "flock", "mkdir", "mv", "pwd", "readlink", "rm"):
        found = shutil.which(name)
        assert found is not None
        (path / name).symlink_to(found)
    return Checkout(root, path)


@pytest.fixture
def with_uv(checkout: Checkout) -> Checkout:
    checkout.command("uv", UV)
    return checkout


def test_without_a_command_it_says_how_and_makes_nothing(with_uv: Checkout) -> None:
    code, out, err = with_uv.run()
    assert (code, out) == (2, "")
    assert err.startswith("usage: ./dev CMD...")
    assert with_uv.run("--help") == (0, err, "")
    assert with_uv.calls() == []


def no_tools(checkout: Checkout) -> None:
    for name in ("cat", "cksum", "readlink"):
        (checkout.bin / name).unlink()


def no_python(checkout: Checkout) -> None:
    pass


def old_python(checkout: Checkout) -> None:
    checkout.command("python3", OLD_PYTHON)
    checkout.command("python3.11", OLD_PYTHON)


def bare_python(checkout: Checkout) -> None:
    checkout.command("python3", OLD_PYTHON)
    checkout.command("python3.12", NO_ENSUREPIP)


@pytest.mark.parametrize(
    ("arrange", "line"),
    [
        (no_tools, "dev: readlink is missing; on Debian: apt install coreutils\n"),
        (no_python, "dev: no Python >= 3.11 and no uv found; install one of them\n"),
        (old_python, "dev: no Python >= 3.11 and no uv found; install one of them\n"),
        (bare_python, "dev: python3.12 cannot make environments; on Debian: apt install python3-venv; or install uv\n"),
    ],
)
def test_what_is_missing_is_named_in_one_line(
    checkout: Checkout, arrange: Callable[[Checkout], None], line: str
) -> None:
    arrange(checkout)
    assert checkout.run("pwd") == (2, "", line)
    assert not (checkout.root / ".venv").exists()


def test_the_environment_is_made_once_and_the_command_runs_in_it_where_the_caller_stands(with_uv: Checkout) -> None:
    elsewhere = with_uv.root.parent / "elsewhere"
    elsewhere.mkdir()
    tell = ("sh", "-c", 'pwd; echo "$VIRTUAL_ENV"; echo "${PATH%%:*}"; echo "${PYTHONHOME-unset}"; exit 7')
    env = with_uv.root / ".venv"
    expected = f"{elsewhere}\n{env}\n{env}/bin\nunset\n"
    assert with_uv.run(*tell, cwd=elsewhere) == (7, expected, "dev: installing into .venv with uv\n")
    assert with_uv.calls() == ["venv", "pip"]
    assert with_uv.run(*tell, cwd=elsewhere) == (7, expected, "")
    link = elsewhere / "link"
    link.symlink_to(with_uv.root / "dev")
    assert with_uv.run(*tell, dev=link, cwd=elsewhere) == (7, expected, "")
    assert with_uv.calls() == []


@pytest.mark.parametrize("file", ["pyproject.toml", DROP_IN])
def test_what_went_into_it_is_followed(with_uv: Checkout, file: str) -> None:
    with_uv.run("pwd")
    with_uv.calls()
    (with_uv.root / file).write_text("# another\n")
    assert with_uv.run("pwd")[0] == 0
    assert with_uv.calls() == ["pip"]
    assert with_uv.run("pwd")[2] == ""


def test_a_moved_checkout_gets_a_new_environment(with_uv: Checkout) -> None:
    with_uv.run("pwd")
    with_uv.calls()
    with_uv.root = with_uv.root.rename(with_uv.root.with_name("moved"))
    assert with_uv.run("pwd")[0] == 0
    assert with_uv.calls() == ["venv", "pip"]


def test_an_exchanged_interpreter_gets_a_new_environment(with_uv: Checkout) -> None:
    with_uv.run("pwd")
    with_uv.calls()
    python = with_uv.root / ".venv/bin/python"
    python.unlink()
    python.symlink_to(with_uv.bin / "sh")
    assert with_uv.run("pwd")[0] == 0
    assert with_uv.calls() == ["venv", "pip"]


def test_what_uv_made_has_no_pip_and_is_made_anew_once_uv_is_gone(with_uv: Checkout) -> None:
    with_uv.run("pwd")
    (with_uv.bin / "uv").unlink()
    with_uv.command("python3.13", PYTHON)
    assert with_uv.run("pwd")[2] == ""  # as long as it serves, it serves
    with_uv.calls()
    (with_uv.root / "pyproject.toml").write_text("# another\n")
    code, _, err = with_uv.run("pwd")
    assert (code, err) == (0, "dev: installing into .venv with python3.13 and pip; the first time takes a minute\n")
    assert (with_uv.root / ".venv/bin/python").read_text() == PYTHON
    assert with_uv.calls() == ["pip"]
    assert with_uv.run("pwd")[2] == ""


def test_a_half_made_environment_is_no_environment(with_uv: Checkout) -> None:
    broken = with_uv.root.parent / "broken"
    broken.touch()
    for _ in range(2):
        code, out, err = with_uv.run("pwd")
        assert (code, out) == (2, "")
        assert err.splitlines()[-1] == "dev: uv cannot install; it says why above"
        assert with_uv.calls() == ["venv", "pip"]
    broken.unlink()
    assert with_uv.run("pwd")[0] == 0
    assert with_uv.calls() == ["venv", "pip"]


def test_a_failed_refresh_is_made_up_for(with_uv: Checkout) -> None:
    with_uv.run("pwd")
    broken = with_uv.root.parent / "broken"
    broken.touch()
    (with_uv.root / "pyproject.toml").write_text("# another\n")
    assert with_uv.run("pwd")[0] == 2
    broken.unlink()
    with_uv.calls()
    assert with_uv.run("pwd")[0] == 0
    assert with_uv.calls() == ["venv", "pip"]


def test_several_at_once_make_one_environment(with_uv: Checkout) -> None:
    runs = [with_uv.start("pwd") for _ in range(6)]
    for process in runs:
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, f"{with_uv.root.parent}\n"), err
    assert with_uv.calls() == ["venv", "pip"]


def test_no_descriptor_of_its_own_reaches_the_command(with_uv: Checkout) -> None:
    (with_uv.bin / "ls").symlink_to(shutil.which("ls") or "")
    assert with_uv.run("ls", "/proc/self/fd")[1].split() == ["0", "1", "2", "3"]  # 3 is ls reading the folder


@pytest.mark.parametrize("script", ["dev", ".ci/run"])
def test_scripts_parse(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    shell = (ROOT / script).read_text().partition("\n")[0].rpartition("/")[2].split()[-1]
    assert subprocess.run([shell, "-n", ROOT / script], check=False, capture_output=True).stderr == b""
