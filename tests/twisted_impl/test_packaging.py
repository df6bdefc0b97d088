"""twistd must find the plugin wherever it is started, however the project was installed, and Twisted must stay whole."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.twisted_impl.running import ROOT

LIBRARIES = Path(sysconfig.get_path("purelib"))


def test_nothing_of_ours_stands_in_for_twisted() -> None:
    """An `__init__.py` here would hide Twisted itself, or make twistd skip the folder of the plugin."""
    folder = ROOT / "twisted_impl" / "dropin" / "twisted"
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix == ".py"]
    assert files == [Path("plugins/suite_plugin.py")]
    assert not (ROOT / "twisted").exists()


@pytest.mark.parametrize("kind", ["standard", "editable"])
def test_listed_from_any_directory(kind: str, tmp_path: Path) -> None:
    """The project is built with its own back end and unpacked into a fresh environment, as an installer would."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", f"wheel:{kind}", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    site = fresh_environment(tmp_path / "venv")
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for arguments, word in (
        (["--help"], "echo and the other small network services"),
        (["suite", "--help"], "--listen="),
    ):
        run = [
            str(tmp_path / "venv/bin/python"),
            "-P",
            "-c",
            "from twisted.scripts.twistd import run; run()",
            *arguments,
        ]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(run, cwd="/", env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert word in done.stdout


def fresh_environment(folder: Path) -> Path:
    """Make an environment with Twisted, without this project, even where the tests' own environment has it installed.

    Returns:
        its site-packages.
    """
    venv.create(folder, with_pip=False)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    ignored = shutil.ignore_patterns("test", "suite_plugin*", "dropin.cache", "__pycache__")
    shutil.copytree(LIBRARIES / "twisted", site / "twisted", ignore=ignored)
    (site / "libraries.pth").write_text(f"{LIBRARIES}\n")
    return site
