r"""A line protocol: a line of ASCII comes back in capitals; `quit` is answered and ends it.

suite check --service suite.examples.lines:UPPER -- \
    socat -t 5 TCP-LISTEN:{port},bind={host},reuseaddr,fork,backlog=128 EXEC:suite/examples/upper.sed
"""

from hypothesis import strategies as st

from suite.conformance.dialogue import Dialogue, Oracle

__all__ = ("UPPER", "Upper")


class Upper(Dialogue):
    """One connection."""

    rest = b""

    def receive(self, data: bytes, /) -> None:
        """Owe an answer for each line that is complete."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if not self.closes:
                self.owed += line.upper() + b"\n"
                self.closes = line.upper() == b"QUIT"


UPPER = Oracle(
    "upper",
    Upper,
    messages=st.one_of(st.text(" 019.,abcXYZz", max_size=200), st.text("az", max_size=3), st.just("quit")).map(
        lambda line: line.encode() + b"\n"
    ),
    canary=b"are you there?\n",
)
