"""The `suite` command: parse, wire, exit code; no logic. What only one command needs is imported by that command."""

import argparse
import errno
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from suite import __version__, cli_bench
from suite.errors import SuiteError, UsageError

__all__ = ("main",)

EPILOG = """\
exit codes of check and selftest: 0 conforming, 1 a MUST failed (or a SHOULD under --strict), 2 usage error,
3 no verdict (unreachable, or too little could be judged), 4 the tool itself failed, 130 interrupted"""

PATIENCE = 3.0
"""Seconds from a Ctrl-C to the next that counts: a server is stopped and the reports are written meanwhile."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    if sys.stdout is None or sys.stderr is None:  # closed by the caller
        sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123 - lives as long as we do
        sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    words = list(sys.argv[1:] if argv is None else argv)
    words, command = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, None)
    if words[:1] == ["bench"] and words[1:2] in (["compare"], ["guard"]):  # as targets they would have colons or dashes
        words[:2] = [" ".join(words[:2])]
    options = _parser(words[0] if words else "").parse_args(words)
    options.command = command
    run: Callable[[argparse.Namespace], int] = options.run
    judges = run not in (_run_report, _run_serve, _run_list, _run_explain)
    if judges:
        # Whoever ends us as CI does, or closes the terminal, wants what is known as much as Ctrl-C does.
        interrupt = _Interrupt()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:  # as in `nohup` and `&`
                signal.signal(number, interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what a locale cannot say shall not end a run
            stream.reconfigure(errors="backslashreplace")
    try:
        return run(options)
    except SuiteError as error:
        print(f"suite: {error}", file=sys.stderr)  # noqa: T201 - a command's error line
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left (`suite list | head`): nobody is there to report to, but no verdict may pass for one.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 4 if judges else 0
    except Exception as error:  # a bug of ours: 1 would mean that a server failed
        if os.environ.get("SUITE_TRACEBACK"):
            raise
        message = f"internal error: {type(error).__name__}: {error} (SUITE_TRACEBACK=1 shows where)"
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            message = f"cannot write the results: {error.strerror}"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of them, at exit
        print(f"suite: {message}", file=sys.stderr)  # noqa: T201 - a command's error line
        return 4


class _Interrupt:
    """Raises KeyboardInterrupt; once more only after a while: an impatient second Ctrl-C must not cost the reports."""

    def __init__(self) -> None:
        self._last = -PATIENCE

    def __call__(self, *_: object) -> None:
        now = time.monotonic()
        if now - self._last >= PATIENCE:
            self._last = now
            raise KeyboardInterrupt


def _parser(command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="suite",
        description="Network services on every way of waiting for sockets, and a conformance tool for any server.",
    )
    parser.add_argument("--version", action="version", version=f"suite {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _check(commands.add_parser("check", help="judge servers", usage="suite check [OPTIONS] all | TARGET... | -- CMD {host} {port}", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter))  # fmt: skip
    _replay(commands.add_parser("replay", help="play a failure again", usage="suite replay [OPTIONS] FILE [TARGET | -- CMD {host} {port}]"))  # fmt: skip
    _selftest(commands.add_parser("selftest", help="prove the tool: specimens and checks"))
    cli_bench.add(commands.add_parser, _color)
    _report(commands.add_parser("report", help="join reports into one HTML page", usage="suite report [--check FILE] [--bench FILE] [--claims FILE] [--html OUT] [--title T]"))  # fmt: skip
    serve = commands.add_parser("serve", help="serve one of the small services", description="Serve until SIGTERM; then finish what was accepted, and exit 0.")  # fmt: skip
    if command == "serve":  # its options are the servers' own, which cost the other commands 20 ms
        _serve(serve)
    _list(commands.add_parser("list", help="list variants, services or checks"))
    _explain(commands.add_parser("explain", help="explain one check"))
    return parser


def _check(parser: argparse.ArgumentParser) -> None:
    parser.description = "Judge servers: a variant's name, HOST:PORT, tcp://HOST:PORT, unix:/path, tls://HOST:PORT (no certificate is verified), `all` own variants, or a command that serves on {host} and {port}."
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument(
        "--peers", action="store_true", help="with `all`: also controls and peers, never in the exit code"
    )
    parser.add_argument(
        "--service",
        default="echo",
        metavar="S",
        help="what the target serves: a name of `suite list services`, or MODULE:ATTR of your own (default: %(default)s)",
    )
    parser.add_argument("--only", action="append", default=[], metavar="ID|FAMILY,…", help="run only these checks")
    parser.add_argument("--exclude", action="append", default=[], metavar="ID|FAMILY,…", help="leave these checks out")
    parser.add_argument(
        "--profile", choices=("quick", "thorough"), default="quick", help="how much to generate (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="generate the same scripts again")
    parser.add_argument("--strict", action="store_true", help="a failed SHOULD fails the target")
    parser.add_argument("--fail-fast", action="store_true", help="stop a target at its first failed MUST")
    parser.add_argument(
        "--timeout-factor", type=float, default=1.0, metavar="F", help="multiply every wait (default: %(default)s)"
    )
    parser.add_argument(
        "--capability",
        action="append",
        default=[],
        metavar="max-clients=N,…",
        help="declare a limit of the target: max-clients=N, idle-timeout=S, polls, no-half-close, io-uring",
    )
    parser.add_argument("--pid", type=int, metavar="N", help="the process that serves at an address, to be looked at")
    parser.add_argument(
        "--nofile",
        type=int,
        metavar="N",
        help="start servers with N descriptors: 32 to 512 are used up, 2048 are a lot",
    )
    parser.add_argument(
        "--inject", action="store_true", help="start servers under strace where their system calls shall fail"
    )
    for name, what in (
        ("--json", "the whole run as JSON"),
        ("--ndjson", "one JSON object an event, as it happens"),
        ("--junit-xml", "JUnit XML, for CI services"),
        ("--html", "one self-contained page, for people"),
    ):
        parser.add_argument(name, type=Path, metavar="FILE", help=f"write {what}")
    parser.add_argument("--repro-dir", type=Path, metavar="DIR", help="write files that show each failure again")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="failures that are expected, a TOML file")
    _color(parser)
    parser.set_defaults(run=_run_check)


def _run_check(options: argparse.Namespace) -> int:
    from suite.conformance import command  # noqa: PLC0415 - only this command needs the engine

    return command.check(options)


def _color(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour (default: %(default)s; NO_COLOR is honoured)",
    )


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.description = "Play the script of a failure twenty times: FIXED (exit 0), FAILED or UNSTABLE (1), ERROR (3)."
    parser.add_argument("file", type=Path, metavar="FILE", help="a repro-*.json that `suite check --repro-dir` wrote")
    parser.add_argument("target", nargs="?", metavar="TARGET", help="a variant or an address (default: the file's)")
    _color(parser)
    parser.set_defaults(run=_run_replay)


def _run_replay(options: argparse.Namespace) -> int:
    from suite.conformance import command  # noqa: PLC0415 - only this command and check need the engine

    return command.replay(options)


def _selftest(parser: argparse.ArgumentParser) -> None:
    parser.description = "Judge servers with one known fault each, and odd but right ones; print what was found."
    parser.add_argument("--profile", choices=("fast", "full"), default="fast", help="fast: the families that must name a fault, up to the first failure; full: the whole catalogue, right servers 20 times (default: %(default)s)")  # fmt: skip
    parser.add_argument("--only", action="append", default=[], metavar="NAME,…", help="only these: specimens, those that a check or family must name, or `right`")  # fmt: skip
    parser.add_argument("--seed", type=int, metavar="N", help="generate the same scripts again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="keep the rows in FILE, and go on from what it holds"
    )
    _color(parser)
    parser.set_defaults(run=_run_selftest)


def _run_selftest(options: argparse.Namespace) -> int:
    from suite.conformance import selftest  # noqa: PLC0415 - only this command needs the engine

    return selftest.selftest(options)


def _report(parser: argparse.ArgumentParser) -> None:
    parser.description = "Join what --json wrote into one self-contained page; any of the three, at least one."
    for kind in ("check", "bench", "claims"):
        parser.add_argument(f"--{kind}", type=Path, metavar="FILE", help=f"what `suite {kind} --json FILE` wrote")
    parser.add_argument("--html", type=Path, default=Path("report.html"), metavar="OUT", help="where to write the page (default: %(default)s)")  # fmt: skip
    parser.add_argument("--title", metavar="T", help="its heading")
    parser.set_defaults(run=_run_report)


def _run_report(options: argparse.Namespace) -> int:
    from suite.report.joined import command  # noqa: PLC0415 - jinja2 and pygal take 100 ms that only a page pays

    return command.report(options)


def _serve(parser: argparse.ArgumentParser) -> None:
    from suite import serving  # noqa: PLC0415 - only this command needs it

    parser.add_argument("variant", metavar="VARIANT", help="see `suite list variants`")
    serving.add_options(parser)
    parser.set_defaults(run=_run_serve, untouched=vars(parser.parse_args(["VARIANT"])))


def _run_serve(options: argparse.Namespace) -> int:
    from suite import registry, serving  # noqa: PLC0415

    variant = registry.find(options.variant)
    if variant.script is not None:
        variant.check()
        takes = {"variant", "host", "port"}
        other = [name for name, value in options.untouched.items() if getattr(options, name) != value]
        if not takes.issuperset(other):
            raise UsageError(f"{variant.name} is a stand-alone script: it takes --host and --port, and serves echo")
        os.execv(sys.executable, [sys.executable, "-P", str(variant.script), options.host, str(options.port)])
    return serving.run(variant, options)


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("variants", "services", "checks"), default="variants")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=_run_list)


def _run_list(options: argparse.Namespace) -> int:
    from suite import registry, services  # noqa: PLC0415
    from suite.conformance.checks import catalogue  # noqa: PLC0415
    from suite.report import listing  # noqa: PLC0415 - only this command needs it

    rows: dict[str, Callable[[], listing.Rows]] = {
        "variants": lambda: registry.VARIANTS,
        "services": lambda: services.SERVICES,
        "checks": catalogue,
    }
    listing.show(options.what, rows[options.what](), as_json=options.json)
    return 0


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("check", metavar="CHECK-ID")
    parser.set_defaults(run=_run_explain)


def _run_explain(options: argparse.Namespace) -> int:
    from suite.conformance.checks import find  # noqa: PLC0415 - only this command needs it
    from suite.report import listing  # noqa: PLC0415

    listing.explain(find(options.check))
    return 0
