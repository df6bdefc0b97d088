"""The specimens: servers with one fault each that prove the checks can fail, and odd but right ones that no check may fail.

Data, read by the tests and by `suite selftest`. Adding a specimen is one file in suite/specimens and one row here.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from suite.conformance import injecting
from suite.conformance.checks import find
from suite.errors import StartError

__all__ = ("FEW", "SPECIMENS", "Specimen", "command", "faulty", "right")

FOLDER = Path(__file__).parents[1] / "specimens"
FEW = 5
"""Operations of a script that shows a fault, where the fault's nature does not ask for more."""
_RUN = {".py": (sys.executable, "-P"), ".pl": ("perl",), ".js": ("node",), ".sh": ("sh",), ".tcl": ("tclsh",)}
_COMPILER = ("cc", "-O1", "-pthread", "-o")


@dataclass(frozen=True, slots=True)
class Specimen:
    """One stand-alone server.

    Attributes:
        file: below suite/specimens; it takes HOST PORT.
        named: by id of a check that must name it, the kinds of finding that this check may tell, any of them; the first
            check is the one that names it best. Empty for an odd but right server.
        most: operations that the shrunk script may have.
        needs: modules (`trio`) and programs (`cc`) without which it is unavailable; interpreters go without saying.
        nofile: descriptors it may open.
        limit: the same, where the check is about running out of them, or having many.
        service: what it serves, and is judged as.
        tls: it speaks TLS.
        inject: its fault shows when system calls fail (`--inject`).
        tells: SHOULD checks that may warn of an odd but right server, for it is what they are about.
    """

    file: str
    named: Mapping[str, str] = field(default_factory=dict)
    most: int = FEW
    needs: tuple[str, ...] = ()
    nofile: int = 2048
    limit: int | None = None
    service: str = "echo"
    tls: bool = False
    inject: bool = False
    tells: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, without its ending unless the ending tells the language."""
        return self.file.removesuffix(".py")

    @property
    def families(self) -> tuple[str, ...]:
        """The families of the checks that must name it, the best first."""
        return tuple(dict.fromkeys(find(check).family for check in self.named))

    def unavailable(self) -> str | None:
        """Say why it cannot run here, or None."""
        suffix = Path(self.file).suffix
        programs = ("cc",) if suffix == ".c" else () if suffix == ".py" else _RUN[suffix][:1]
        if self.inject and (reason := injecting.unavailable()):
            return reason
        missing = [name for name in (*programs, *self.needs) if find_spec(name) is None and shutil.which(name) is None]
        return f"{', '.join(missing)} is not installed" if missing else None


_DEAD = "died refused truncated lost"
"""What the end of a server looks like, by timing."""
_CROSS = "foreign wrong extra"
_OPENSSL = ("openssl",)
"""The program that makes their certificates."""
_UPPER = "suite.examples.lines:UPPER"
_MANY = 6000
"""It takes many clients to show what does not come back; such checks' scripts are as short as they can be."""

SPECIMENS: tuple[Specimen, ...] = (
    # the bytes
    Specimen("line_buffered.py", {"fid-one-byte": "stalled"}),
    Specimen("strips_cr.py", {"fid-all-bytes": "wrong"}),
    Specimen("text_decode.py", {"fid-no-decode": "truncated"}),
    Specimen("telnet_iac.py", {"fid-one-byte": "stalled", "fid-no-decode": "stalled wrong"}),
    Specimen("collapses_blank_lines.py", {"fid-no-decode": "stalled wrong"}),
    Specimen("answers_at_eof.py", {"fid-one-byte": "stalled"}),
    Specimen("answers_by_length.py", {"fid-one-byte": "wrong", "fid-length": "wrong foreign"}),
    Specimen("sends_allocated_length.py", {"fid-length": "extra", "fid-one-byte": "extra"}),
    Specimen("one_length.py", {"fid-length": "stalled"}),
    Specimen("stale_buffer.py", {"fid-no-stale": "extra"}, most=6),
    Specimen("far_bit.py", {"fid-large": "wrong"}),
    Specimen("past_one_mebibyte.py", {"fid-large": "wrong"}),
    Specimen("past_a_total.py", {"fid-generated": "wrong"}),
    Specimen("seventh_read.py", {"fid-length": "wrong"}, most=15),
    Specimen("greeting_banner.py", {"fid-empty": "extra"}),
    Specimen("keepalive_byte.py", {"fid-unsolicited": "extra"}),
    Specimen("idle_then_wrong.py", {"fid-unsolicited": "wrong"}),
    Specimen("second_connection.py", {"fid-one-byte": "stalled", "con-n": "stalled"}),
    Specimen("c_strlen.c", {"fid-one-byte": "stalled", "fid-all-bytes": "stalled wrong"}),
    Specimen("c_char_eof.c", {"fid-one-byte": "truncated lost", "fid-all-bytes": "truncated lost"}),
    Specimen("perl_crlf.pl", {"fid-one-byte": "wrong stalled", "fid-all-bytes": "wrong stalled"}),
    Specimen("perl_utf8.pl", {"fid-one-byte": "wrong extra", "fid-all-bytes": "wrong extra"}),
    Specimen("node_utf8.js", {"fid-one-byte": "wrong extra", "fid-no-decode": "wrong extra"}),
    Specimen("tcl_translation.tcl", {"fid-all-bytes": "wrong stalled"}),
    Specimen("shell_lines.sh", {"fid-one-byte": "stalled"}, needs=("socat", "sed")),
    # how they are cut, and their order
    Specimen("one_recv_one_message.py", {"seg-split": "wrong", "seg-byte-by-byte": "wrong"}),
    Specimen("edge_read_once.py", {"seg-coalesced": "stalled"}),
    Specimen("withholds_tail.py", {"seg-coalesced": "stalled"}),
    Specimen("waits_for_more.py", {"seg-small-latency": "stalled"}),
    Specimen("multiple_of_4096.py", {"seg-boundaries": "stalled", "seg-generated": "stalled wrong"}),
    Specimen("out_of_order.py", {"ord-pipelined": "wrong", "ord-duplex": "wrong", "ord-generated": "wrong"}),
    Specimen("requeues_at_tail.py", {"ord-after-stall": "wrong"}, most=8),
    Specimen("twisted_call_later.py", {"ord-generated": "wrong", "ord-pipelined": "wrong"}, needs=("twisted",)),
    # half-close
    Specimen("eof_drops_reply.py", {"hc-immediate": "truncated"}),
    Specimen("fin_with_data.py", {"hc-immediate": "wrong"}),
    Specimen("delayed_last_chunk.py", {"hc-immediate": "truncated lost"}),
    Specimen("hup_before_in.py", {"hc-immediate": "truncated lost"}),
    Specimen("half_closed_before.py", {"hc-immediate": "truncated"}, most=8),
    Specimen("close_unread_rst.py", {"hc-immediate": "lost truncated"}),
    Specimen("eof_drops_backlog.py", {"hc-late-reader": "truncated", "hc-generated": "truncated"}, most=8),
    Specimen("asyncio_abort_at_eof.py", {"hc-late-reader": "truncated lost", "hc-generated": "truncated lost"}, most=8),
    Specimen("ignores_eof.py", {"hc-idle": "no-fin", "dis-fin": "no-fin"}),
    Specimen("combined_event_bits.py", {"hc-idle": "no-fin", "dis-fin": "no-fin"}),
    Specimen("fork_parent_keeps.py", {"hc-idle": "no-fin", "dis-fin": "no-fin"}),
    Specimen("one_shot.py", {"hc-no-early-fin": "early-fin"}, most=6),
    Specimen("idle_timeout.py", {"hc-no-early-fin": "early-fin", "idle-survive": "early-fin"}),
    Specimen("linger_zero.py", {"hc-clean-end": "reset", "rst-not-by-server": "reset"}),
    Specimen("repeats_at_eof.py", {"hc-no-write-after-eof": "extra"}),
    # clients that leave
    Specimen("sigpipe_dies.py", {"dis-abandon-echo": _DEAD, "dis-double-write": _DEAD}),
    Specimen("broken_pipe_ends.py", {"dis-double-write": _DEAD}, most=6),
    Specimen("unregister_after_close.py", {"dis-fin": _DEAD}),
    Specimen("econnaborted_ends.py", {"dis-during-accept": "deaf stalled"}, most=6),
    Specimen("empty_first_read.py", {"dis-connect-close": _DEAD}),
    Specimen("drops_then_writes.py", {"dis-mid-stream": _DEAD, "rst-in-backpressure": _DEAD}, most=8),
    Specimen("list_mutation.py", {"dis-many-at-once": "stalled", "dis-generated": "stalled"}, most=12),
    Specimen("stale_fd_reuse.py", {"dis-fd-reuse": _CROSS, "dis-generated": _CROSS}, most=8),
    Specimen("double_close.py", {"dis-fd-reuse": f"{_DEAD} stalled foreign"}, most=6),
    Specimen("rst_kills_server.py", {"rst-idle": _DEAD, "rst-pending": _DEAD, "rst-generated": _DEAD}),
    Specimen("node_no_error_handler.js", {"rst-pending": _DEAD, "rst-idle": _DEAD}),
    Specimen("trio_stock.py", {"rst-idle": _DEAD}, needs=("trio",)),
    Specimen("rst_drops_all.py", {"rst-other-clients": "lost truncated"}, most=7),
    Specimen("shutdown_enotconn.py", {"rst-after-fin": _DEAD}, most=8),
    Specimen("port_reuse_wrong.py", {"rst-generated": "lost truncated"}, most=8),
    Specimen("bans_after_resets.py", {"rst-generated": "lost truncated", "rst-pending": "lost truncated"}, most=10),
    # several clients
    Specimen("serial_server.py", {"con-n": "stalled", "con-generated": "stalled"}),
    Specimen("fork_waits_for_child.py", {"con-n": "stalled", "con-idle-holder": "stalled"}),
    Specimen("edge_accept_once.py", {"con-n": "stalled unaccepted", "chu-burst": "stalled unaccepted"}, most=24),
    Specimen("every_fifth_connection.py", {"con-n": "stalled"}, most=24),
    Specimen("drops_on_open_order.py", {"con-open-order": "foreign lost truncated"}, most=8),
    Specimen("never_accepts_late.py", {"con-late-joiner": "stalled"}, most=24),
    Specimen("starves_accept.py", {"con-late-joiner": "stalled"}, most=40),
    Specimen("exactly_three_clients.py", {"con-generated": "wrong", "fid-generated": "wrong"}),
    Specimen("shared_buffer_crosstalk.py", {"con-no-crosstalk": "foreign wrong"}, most=8),
    Specimen("asyncio_shared_protocol.py", {"con-no-crosstalk": "foreign stalled", "con-n": "foreign stalled"}),
    Specimen("swaps_two.py", {"con-no-crosstalk": "foreign wrong", "iso-generated": "foreign wrong"}, most=6),
    Specimen("blocks_on_idle.py", {"con-idle-holder": "stalled"}),
    Specimen("blocking_sendall.py", {"con-stalled-reader": "stalled", "iso-generated": "stalled", "bp-generated": "stalled"}, most=8),
    Specimen("stalls_one_neighbour.py", {"con-stalled-reader": "stalled", "iso-generated": "stalled"}, most=8),
    Specimen("trio_lock_around_send.py", {"con-stalled-reader": "stalled"}, most=8, needs=("trio",)),
    Specimen("global_backpressure.py", {"con-stalled-reader": "stalled", "iso-generated": "stalled"}, most=8),
    Specimen("starves_small.py", {"con-fair": "stalled", "fair-generated": "stalled"}, most=20),
    # clients that do not read
    Specimen("unbounded_buffer.py", {"bp-bounded": "unbounded", "bp-rss": "swollen"}, most=8),
    Specimen("asyncio_no_drain.py", {"bp-bounded": "unbounded"}, most=8),
    Specimen("node_no_backpressure.js", {"bp-bounded": "unbounded"}, most=8),
    Specimen("twisted_wrong_producer.py", {"bp-bounded": "unbounded"}, most=12, needs=("twisted",)),
    Specimen("lost_write_interest.py", {"bp-resume": "stalled"}, most=8),
    Specimen("oneshot_not_rearmed.py", {"bp-resume": "stalled"}, most=8),
    Specimen("ignored_short_send.py", {"bp-resume": "stalled wrong"}, most=8),
    Specimen("nonblocking_sendall.py", {"bp-resume": "stalled wrong"}, most=8),
    Specimen("trio_cancelled_send.py", {"bp-resume": "stalled wrong"}, most=8, needs=("trio",)),
    Specimen("c_short_send.c", {"bp-resume": "stalled wrong"}, most=8),
    Specimen("write_timeout.py", {"bp-trickle": "lost truncated", "bp-resume": "lost truncated"}, most=8),
    Specimen("queue_deadlock.py", {"bp-deadlock": "stalled"}, most=8),
    # what it holds, and how it ends
    Specimen("keeps_descriptors.py", {"res-fd": "kept"}, most=_MANY),
    Specimen("keeps_threads.py", {"res-thread": "kept"}, most=_MANY),
    Specimen("keeps_children.py", {"res-child": "kept"}, most=_MANY),
    Specimen("keeps_zombies.py", {"res-zombie": "kept"}, most=_MANY),
    Specimen("keeps_memory.py", {"res-rss-slope": "kept"}, most=_MANY),
    Specimen("pool_runs_dry.py", {"res-buffer-pool": "stalled"}, most=_MANY),
    Specimen("inherits_connections.py", {"res-fin-inherited": "no-fin"}, most=12),
    Specimen("writable_spin.py", {"bp-writable-spin": "spins", "idle-cpu": "works"}, most=_MANY),
    Specimen("half_close_spin.py", {"hc-spin": "spins"}, most=_MANY),
    Specimen("serves_a_thousand.py", {"chu-serial": "stalled"}, most=_MANY),
    Specimen("short_backlog.py", {"chu-burst": "unaccepted stalled"}, most=_MANY),
    Specimen("emfile_dies.py", {"ovl-emfile-survive": "died"}, most=_MANY, limit=64),
    Specimen("emfile_deaf.py", {"ovl-emfile-recover": "stalled"}, most=_MANY, limit=64),
    Specimen("emfile_spin.py", {"ovl-emfile-spin": "spins"}, most=_MANY, limit=64),
    Specimen("accepts_stale.py", {"ovl-backlog-full": _CROSS}, most=7),
    Specimen("select_dies_at_1024.py", {"ovl-fd1024": "died"}, most=_MANY, limit=2048),
    Specimen("urgent_ends.py", {"oob-stream": "lost truncated early-fin reset"}),
    Specimen("sigterm_waits.py", {"sd-sigterm-exits": "stays"}, most=12),
    Specimen("sigterm_last_leaves.py", {"sd-alone": "stays"}, most=7),
    Specimen("sigterm_traceback.py", {"sd-status": "fails"}, most=6),
    Specimen("sigterm_drops_queue.py", {"sd-queue": "lost"}, most=7),
    Specimen("sigterm_cuts.py", {"sd-flush": "lost"}, most=20),
    # where system calls fail
    Specimen("accept_error_ends.py", {"inj-accept-transient": _DEAD}, inject=True),
    Specimen("accept_error_deaf.py", {"inj-accept-exhausted": "stalled deaf"}, most=8, inject=True),
    Specimen("accept_error_again.py", {"inj-accept-spin": "spins"}, inject=True),
    Specimen("fork_error_ends.py", {"inj-fork": _DEAD}, inject=True),
    Specimen("c_recv_eintr.c", {"inj-recv-eintr": "truncated lost early-fin"}, inject=True),
    Specimen("c_send_eintr.c", {"inj-send-eintr": "wrong stalled truncated lost"}, inject=True),
    Specimen("c_wait_eintr.c", {"inj-wait-eintr": _DEAD}, inject=True),
    Specimen("sigterm_deaf.py", {"sd-refuse-new": "hangs"}, most=10),
    Specimen("no_reuseaddr.py", {"sd-rebind": "bound"}, most=12),
    Specimen("leaves_orphans.py", {"sd-no-orphans": "orphans"}, most=15),
    Specimen("leaves_listener.py", {"sd-refuse-new": "hangs", "sd-rebind": "bound"}, most=12),
    # other services, and a protocol of a user's
    Specimen("discard_echoes.py", {"discard-silent": "extra"}, service="discard"),
    Specimen("discard_stops.py", {"discard-silent": "reset early-fin"}, service="discard"),
    Specimen("discard_stays_open.py", {"discard-silent": "no-fin"}, most=6, service="discard"),
    Specimen("chargen_once.py", {"chargen-flow": "stalled"}, service="chargen"),
    Specimen("chargen_unbounded.py", {"chargen-flow": _DEAD}, service="chargen"),
    Specimen("chargen_unrotated.py", {"chargen-pattern": "pattern"}, service="chargen"),
    Specimen("qotd_long.py", {"qotd-512": "long"}, service="qotd"),
    Specimen("qotd_reset.py", {"qotd-close": "lost truncated"}, service="qotd"),
    Specimen("qotd_stays_open.py", {"qotd-close": "no-fin"}, service="qotd"),
    Specimen("daytime_stays_open.py", {"daytime-line": "no-fin"}, service="daytime"),
    Specimen("daytime_two_lines.py", {"daytime-line": "wrong"}, service="daytime"),
    Specimen("daytime_waits_for_fin.py", {"services-stayers": "stalled no-fin"}, most=11, service="daytime"),
    Specimen("daytime_unread_rst.py", {"services-clean-end": "reset lost"}, service="daytime"),
    Specimen("time_little_endian.py", {"time-epoch": "wrong"}, service="time"),
    Specimen("time_signed.py", {"time-epoch": "truncated lost stalled"}, service="time"),
    Specimen("time_text.py", {"time-epoch": "wrong"}, service="time"),
    Specimen("time_unix_epoch.py", {"time-epoch": "wrong"}, service="time"),
    Specimen("upper_eof_drops.py", {"pro-half-close": "truncated lost"}, service=_UPPER),
    Specimen("upper_forgets_z.py", {"pro-answers": "wrong"}, service=_UPPER),
    Specimen("upper_one_recv.py", {"pro-split": "wrong extra", "pro-pipelined": "wrong extra stalled"}, most=20, service=_UPPER),
    Specimen("upper_readline.py", {"pro-partial-holder": "stalled"}, service=_UPPER),
    Specimen("upper_stays.py", {"pro-answers": "no-fin", "pro-generated": "no-fin"}, service=_UPPER),
    Specimen("upper_serial.py", {"pro-stall": "stalled"}, service=_UPPER),
    Specimen("upper_shared_buffer.py", {"pro-generated": "wrong foreign extra stalled", "pro-reconnect": "wrong foreign extra stalled"}, most=8, service=_UPPER),
    # under TLS
    Specimen("tls_no_close_notify.py", {"tls-close-notify": "unnotified"}, needs=_OPENSSL, tls=True),
    Specimen("tls_dies_of_truncation.py", {"tls-truncation": _DEAD}, needs=_OPENSSL, tls=True),
    Specimen("tls_accept_raises.py", {"tls-plaintext": _DEAD}, needs=_OPENSSL, tls=True),
    Specimen("tls_handshake_in_accept.py", {"tls-stalled-handshake": "unaccepted"}, needs=_OPENSSL, tls=True),
    Specimen("tls_discards_at_end.py", {"hc-immediate": "truncated"}, needs=_OPENSSL, tls=True),
    # odd, or plain, but right
    Specimen("right_one_byte.py"),
    Specimen("right_batching.py"),
    Specimen("right_tiny_buffers.py"),
    Specimen("right_delayed.py"),
    Specimen("right_slow.py"),
    Specimen("right_odd_cuts.py"),
    Specimen("right_waits_first.py"),
    Specimen("right_late_close.py"),
    Specimen("right_late_fin.py"),
    Specimen("right_sheds.py", limit=64),
    Specimen("right_small_backlog.py", tells=("chu-burst",)),
    Specimen("right_processes.py"),
    Specimen("right_thread_pool.py"),
    Specimen("right_c.c"),
    Specimen("right_perl.pl"),
    Specimen("right_node.js"),
    Specimen("right_tls.py", needs=_OPENSSL, tls=True),
)  # fmt: skip


def faulty() -> tuple[Specimen, ...]:
    """Return the specimens that a check must name."""
    return tuple(specimen for specimen in SPECIMENS if specimen.named)


def right() -> tuple[Specimen, ...]:
    """Return those that no check may fail."""
    return tuple(specimen for specimen in SPECIMENS if not specimen.named)


@contextmanager
def command(specimen: Specimen) -> Iterator[list[str]]:
    """Make a specimen ready to run; give the words that start it, with `{host}` and `{port}` to be replaced.

    Raises:
        StartError: it is unavailable here, or does not compile.
    """
    if reason := specimen.unavailable():
        raise StartError(f"{specimen.name} is unavailable: {reason}")
    source = FOLDER / specimen.file
    where = ["{host}", "{port}"]
    if source.suffix != ".c":
        yield [*_RUN[source.suffix], str(source), *where]
        return
    with TemporaryDirectory(prefix="suite-") as folder:
        program = f"{folder}/{source.stem}"
        done = subprocess.run([*_COMPILER, program, str(source)], capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise StartError(f"{specimen.name} does not compile: {said[0] if said else 'cc said nothing'}")
        yield [program, *where]
