"""The command line of a server: `suite serve NAME`, `python -m raw_impl NAME` and `python -m trio_impl` share it."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence

from suite import log, registry, services
from suite.errors import StartError, SuiteError
from suite.launch import BACKLOG, Limits, announce, drop_stop_signals, keep_stop_signals, open_listener

__all__ = ("add_options", "main", "run")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `suite serve` to a parser."""
    defaults = Limits()
    parser.add_argument(
        "--service", default="echo", metavar="S", help="echo, discard, chargen, qotd, daytime or time (default: echo)"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_between(int, 0, 65535),
        default=7788,
        metavar="P",
        help="port; 0 takes a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--backlog",
        type=_between(int, 1, 65535),
        default=BACKLOG,
        metavar="N",
        help="listen(2) backlog (default: %(default)s)",
    )
    parser.add_argument("--workers", type=_between(int, 1, 1024), default=defaults.workers, metavar="N", help="processes of raw-prefork (default: %(default)s)")  # fmt: skip
    parser.add_argument("--high-water", type=_between(int, 1, 2**30), default=defaults.high_water, metavar="BYTES", help="unsent output per connection at which reading stops (default: %(default)s)")  # fmt: skip
    parser.add_argument("--drain-grace", type=_between(float, 0.001, 86400), default=defaults.drain_grace, metavar="S", help="seconds to finish after SIGTERM (default: %(default)s)")  # fmt: skip
    parser.add_argument("-v", "--verbose", action="store_true", help="log connections on stderr")


def _between(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    word = "a whole" if kind is int else "a"

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {word} number from {least} to {most}")
        return value

    return parse


def run(variant: registry.Variant, options: argparse.Namespace) -> int:
    """Serve `variant` as the options say until a stop signal; return 0 once drained.

    Raises:
        UsageError: an unknown service or host.
        StartError: the variant is unavailable or the address cannot be had.
    """
    new_session = services.find(options.service).load()
    if variant.kind != "own" and options.service != "echo":
        raise StartError(f"{variant.name} serves echo only; choose an own variant for {options.service}")
    serve = variant.load()
    limits = Limits(high_water=options.high_water, drain_grace=options.drain_grace, workers=options.workers)
    log.set_up(verbose=options.verbose)
    listener = open_listener(options.host, options.port, backlog=options.backlog)
    keep_stop_signals()
    announce(listener)
    serve(new_session, listener, limits)
    drop_stop_signals()
    return 0


def main(prefix: str, argv: Sequence[str] | None = None, *, default: str | None = None) -> int:
    """Run `python -m PACKAGE [NAME]` for the own variants and controls of one package; return the exit code.

    Args:
        prefix: the package's name, say "raw_impl"; NAME is a variant's name with or without its runtime ("epoll").
        argv: the arguments; by default the process's.
        default: the NAME taken when none is given; by default the variant named as the package, if there is one.
    """
    rows = {row.name: row for row in registry.VARIANTS if row.target.startswith(f"{prefix}.")}
    names = {name.partition("-")[2] or name: row for name, row in rows.items()} | rows
    parser = argparse.ArgumentParser(
        prog=f"python -m {prefix}", description="Serve one of the small network services until SIGTERM."
    )
    default = default or prefix.removesuffix("_impl")
    parser.add_argument("name", nargs="?" if default in names else None, default=default, metavar="NAME", help=f"one of {', '.join(sorted(set(names) - set(rows)) or rows)}")  # fmt: skip
    add_options(parser)
    options = parser.parse_args(argv)
    if options.name not in names:
        parser.error(f"unknown name {options.name!r}; choose one of {', '.join(sorted(names))}")
    try:
        return run(names[options.name], options)
    except SuiteError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)  # noqa: T201 - a command's error line
        return error.exit_code
