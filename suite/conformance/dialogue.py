r"""What a protocol owes its clients: the interface an oracle is written to, sans-I/O, one object a connection.

A `Dialogue` is told what one client has sent, however it was cut, and says what a right server owes by now:

    class Upper(Dialogue):                      # a line comes back in capitals; `quit` ends the connection
        rest = b""

        def receive(self, data):
            *lines, self.rest = (self.rest + data).split(b"\n")
            for line in lines:
                self.owed += line.upper() + b"\n"
                self.closes |= line == b"quit"

An `Oracle` is what the tool needs to know of a protocol: a `Dialogue` for each connection, what a client may send, and
one exchange that any right server can be tried with. It never imports the service that it judges.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

from suite.conformance.script import Op, Payload, Script
from suite.errors import OracleError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ("Dialogue", "Messages", "Oracle", "Unspecified", "first_difference")

Messages = Union["SearchStrategy[bytes]", Callable[[int], "SearchStrategy[bytes]"]]
"""A strategy of whole messages, or what makes one for a number that no other client has (for keys and names)."""


class Unspecified(Exception):  # noqa: N818 - control flow, no error
    """Raised by `Dialogue.receive`: what a right server answers is not known here, so no client shall send this now."""


class Dialogue:
    """One connection, as a right server would see it.

    Attributes:
        owed: all bytes that are due by now, from the connection's first. Append to it; never take anything away.
        closes: the server must end the connection once `owed` is out. Else it must not before its client does.
        exact: `owed` is the only right answer. A service that may answer differently says False and has its own
            `mismatch`.
        mirrors: `owed` is, and stays, the very buffer of what was sent (echo).
    """

    exact = True
    mirrors = False

    def __init__(self) -> None:
        self.owed = bytearray()
        self.closes = False

    def receive(self, data: bytes, /) -> None:
        """Take what the client has sent.

        Raises:
            Unspecified: nobody can say what a right server does with it; the client is made not to send it.
        """
        raise NotImplementedError

    def receive_eof(self) -> None:
        """Take the client's half-close; whatever is owed then must come before the server's own end."""

    def mismatch(self, received: bytes | bytearray, start: int, /, *, ended: bool) -> int | None:
        """Return the offset of the first byte that no right server would have sent, or None.

        Args:
            received: all that came; what lies before `start` was found right already.
            start: see above.
            ended: the server has ended the connection; then the length of `received` says that too little has come.
        """
        at = first_difference(received, self.owed, start)
        return at if at is not None or not ended or len(received) >= len(self.owed) else len(received)

    def wanted(self) -> str:
        """Say in one phrase what is owed, for a service with many right answers."""
        return ""

    def reading(self, received: bytes, /) -> str:  # noqa: ARG002 - part of the contract
        """Say in one phrase what a wrong answer looks like, if anything."""
        return ""


def first_difference(received: bytes | bytearray, owed: bytes | bytearray, start: int) -> int | None:
    """Return the first offset, from `start` on, at which `received` is not the beginning of `owed`."""
    if owed.startswith(received[start:], start):
        return None
    return next(
        (at for at in range(start, min(len(received), len(owed))) if received[at] != owed[at]),
        min(len(received), len(owed)),
    )


class Oracle:
    """Predicts what a right server of one protocol may send.

    Args:
        name: what people call it.
        dialogue: makes the `Dialogue` of one connection.
        messages: what a client may send, whole messages in any order; None when the generated checks do not apply.
        canary: a message that every right server answers (or, for `answered` False, takes) at any time.

    Attributes:
        service: how the command line names it.
        canary: the script that a fresh connection is tried with.
    """

    def __init__(
        self,
        name: str,
        dialogue: Callable[[], Dialogue],
        messages: Messages | None = None,
        canary: bytes | Script = b"",
    ) -> None:
        self.name = self.service = name
        self.dialogue = dialogue
        self.messages = messages
        self.canary: Script = (
            (Op("open", 0), *([Op("send", 0, Payload.of(canary))] if canary else []), Op("barrier", 0))
            if isinstance(canary, bytes)
            else canary
        )

    @property
    def echoes(self) -> bool:
        """Whether what is owed is what was sent: any bytes may be sent, and reads may be counted."""
        return self.service == "echo"

    @property
    def foreign(self) -> bool:
        """Whether somebody else wrote it."""
        return ":" in self.service

    def conversation(self) -> Dialogue:
        """Return the dialogue of a new connection.

        Raises:
            OracleError: it cannot be made.
        """
        talk: Dialogue = self.guarded(self.dialogue)
        return talk

    def replay(self, sent: bytes | bytearray, *, fin: bool = False) -> Dialogue:
        """Return the dialogue of a connection on which `sent` was sent, and an end of it if `fin`."""
        talk = self.conversation()
        if talk.mirrors:
            talk.owed = bytearray(sent)
        elif sent:
            self.guarded(talk.receive, bytes(sent))
        if fin:
            self.guarded(talk.receive_eof)
        return talk

    def expected(self, sent: bytes | bytearray) -> bytes:
        """Return all bytes owed to a client that has sent `sent`."""
        return bytes(self.replay(sent).owed)

    def guarded(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the oracle's author; whatever it raises is our error, never the server's fault.

        Raises:
            OracleError: it raised; one line says what and where.
        """
        try:
            return function(*arguments)
        except OracleError:
            raise
        except (Exception, SystemExit) as error:  # sys.exit() would end the run, and with exit code 0 as conforming
            raise self.blamed(error) from error

    def blamed(self, error: BaseException) -> OracleError:
        """Return what to raise instead of an error of the oracle's author; its text is one line."""
        said = f": {' '.join(str(error).split())}" if str(error) else ""
        if isinstance(error, Unspecified):
            return OracleError(f"the oracle {self.service} calls unspecified what it let a client send{said}")
        kind = type(error).__name__
        return OracleError(f"the oracle {self.service} raised {kind}{said}{_where(error)}; mend the oracle")


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}, line {trace.tb_lineno})" if trace else ""
