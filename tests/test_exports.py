"""`__all__` of every public module: a tuple of public names that exist; and importing any of them starts nothing."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = {"peers", "specimens", "dropin"}  # programs, not modules to import


def public(file: Path) -> bool:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return not SCRIPTS & set(parts) and not any(part.startswith("_") and part != "__init__" for part in parts)


FILES = sorted(
    file for top in ("suite", "raw_impl", "twisted_impl", "trio_impl") for file in (ROOT / top).rglob("*.py")
)
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in FILES if public(file)
]


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_exists(name: str) -> None:
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    if exported is None and hasattr(module, "__path__"):  # a package that only holds modules
        exported = ()
        assert [
            word for word, value in vars(module).items() if word[0] != "_" and not isinstance(value, ModuleType)
        ] == []
    assert isinstance(exported, tuple)
    assert [word for word in exported if word.startswith("_") or not hasattr(module, word)] == []
    assert len(set(exported)) == len(exported)


def test_importing_every_module_chooses_no_reactor_and_prints_nothing() -> None:
    # The reactor is a global chosen by its first import: only a server that is about to run may do that.
    code = "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint('twisted.internet.reactor' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *MODULES], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("False\n", "", 0)
