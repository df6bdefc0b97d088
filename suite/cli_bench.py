"""The options of `suite bench`, `suite claims` and what belongs to them; what runs is imported when it runs."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ("add",)

EPILOG = """\
exit codes: 0 measured; 1 a server did not do its work, or a bar was missed; 2 usage error, or another measurement is
running; 3 not reached, or nothing to compare; 4 the tool itself failed; 130 interrupted"""

CLAIMS_EPILOG = """\
exit codes: 0 no claim failed (those that cannot be decided here are listed); 1 one did; 2 usage error, or a measurement is
running; 3 none could be decided; 4 the tool itself failed; 130 interrupted"""

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20}


def add(parser: Callable[..., argparse.ArgumentParser], color: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the commands.

    Args:
        parser: makes the parser of a command, as `add_parser` does.
        color: gives it the option that every report has.
    """
    raw = argparse.RawDescriptionHelpFormatter
    bench = parser("bench", help="measure servers", usage="suite bench [OPTIONS] [TARGET...] [-- CMD {host} {port}]", epilog=EPILOG, formatter_class=raw)  # fmt: skip
    bench.description = "Measure servers against the first one named, in short alternating slices; every byte that comes back is verified."
    bench.add_argument("targets", nargs="*", metavar="TARGET", help="a variant or peer (`suite list variants`), or HOST:PORT; by default a choice of them")  # fmt: skip
    for name, kind, what in (
        ("--connections", _positive, "clients at once, one number or more: 1,10,100 (default: 50)"),
        ("--size", _size, "bytes of a message: 64,1KiB,64KiB (default: 1KiB)"),
        ("--depth", _positive, "messages of a client under way at once, closed loop (default: 1)"),
        ("--idle", _natural, "further clients that are connected and silent: 0,1000 (default: 0)"),
        ("--mode", _mode, "closed, open, churn (default: closed,open)"),
    ):
        bench.add_argument(name, type=_several(kind), metavar="N,…" if name != "--mode" else "M,…", help=what)
    bench.add_argument("--rate", type=_number, metavar="R", help="messages a second of all clients together, open loop (default: half of what the slowest target manages)")  # fmt: skip
    bench.add_argument("--seconds", type=_number, metavar="S", help="for each target and workload, at most (default: 5); it ends sooner when the ratios are clear")  # fmt: skip
    bench.add_argument("--syscalls", action="store_true", help="count system calls, too, with strace, after the clock has stopped")  # fmt: skip
    bench.add_argument("--no-gate", action="store_true", help="do not judge targets before measuring them")
    bench.add_argument("--seed", type=int, metavar="N", help="say the same again")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    bench.add_argument("--csv", type=Path, metavar="FILE", help="write a line for each row")
    color(bench)
    bench.set_defaults(run=_run_bench)
    compare = parser("bench compare", help="compare two reports of bench", epilog=EPILOG, formatter_class=raw)
    compare.description = "Compare two reports by the intervals of their ratios: exit 1 where something is slower."
    compare.add_argument("old", type=Path, metavar="OLD")
    compare.add_argument("new", type=Path, metavar="NEW")
    color(compare)
    compare.set_defaults(run=_run_compare)
    guard = parser("bench guard", help="judge the ratios that must not get worse", epilog=EPILOG, formatter_class=raw)
    guard.description = "Measure the pairs that have a bar, in four minutes at most: exit 1 where one is missed."
    guard.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    color(guard)
    guard.set_defaults(run=_run_guard)

    claims = parser("claims", help="try the textbooks' claims", epilog=CLAIMS_EPILOG, formatter_class=raw)
    claims.description = "Try what textbooks say of the mechanisms on the variants here, in two minutes: PASS, FAIL, INCONCLUSIVE or REPORTED, with the evidence."
    claims.add_argument("ids", nargs="*", metavar="ID", help="try only these; --list names them")
    claims.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    claims.add_argument("--seed", type=int, metavar="N", help="say the same again, in the same order")
    claims.add_argument("--list", action="store_true", help="list the claims and who says so; try nothing")
    color(claims)
    claims.set_defaults(run=_run_claims)

    whole = parser("compare", help="everything on one page: check, claims, bench, report")
    whole.description = "Judge every server here, try the textbook's claims, measure for a minute, and write one page; ten minutes at most."
    whole.add_argument("--html", type=Path, default=Path("suite-report.html"), metavar="FILE", help="the page (default: %(default)s)")  # fmt: skip
    whole.add_argument("--keep", type=Path, metavar="DIR", help="keep the JSON reports that it is made of there")
    whole.set_defaults(run=_run_compare_all)


def _run_bench(options: argparse.Namespace) -> int:
    from suite.bench import command  # noqa: PLC0415 - only this command needs the engines

    return command.bench(options)


def _run_compare(options: argparse.Namespace) -> int:
    from suite.bench import command  # noqa: PLC0415

    return command.compare(options)


def _run_guard(options: argparse.Namespace) -> int:
    from suite.bench import command  # noqa: PLC0415

    return command.guard(options)


def _run_claims(options: argparse.Namespace) -> int:
    from suite.bench import claims_command  # noqa: PLC0415 - only this command needs the experiments

    return claims_command.run(options)


def _run_compare_all(options: argparse.Namespace) -> int:
    from suite import comparing  # noqa: PLC0415
    from suite.cli import main  # noqa: PLC0415 - which imports us

    return comparing.run(options, main)


def _several(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    def read(text: str) -> list[Any]:
        return [kind(word) for word in text.split(",")]

    return read


def _natural(text: str) -> int:
    if not text.strip().isdecimal() or int(text) > 1 << 20:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _positive(text: str) -> int:
    if (number := _natural(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return number


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _mode(text: str) -> str:
    if text not in ("closed", "open", "churn"):
        raise argparse.ArgumentTypeError(f"{text!r} is no mode; it is closed, open or churn")
    return text


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+) ?([a-z]*)", text.strip().lower())
    if match is None or match[2] not in _UNITS or not 1 <= int(match[1]) * _UNITS[match[2]] <= 16 << 20:
        raise argparse.ArgumentTypeError(f"{text!r} is no size from 1 byte to 16MiB, as 64 or 64KiB")
    return int(match[1]) * _UNITS[match[2]]
