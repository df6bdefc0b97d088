r"""A subset of Redis' RESP2: PING, ECHO, SET, GET, DEL, INCR, QUIT.

suite check --service suite.examples.redis:REDIS localhost:6379

Clients share the server's keys, so every client has keys of its own (they carry its number), and what a key holds is
known only once this client has SET or DELeted it: before that a GET is `Unspecified`, and is not sent. Nothing that an
earlier script or a replay has left behind can be taken for a fault.
"""

from collections.abc import Iterator

from hypothesis import strategies as st

from suite.conformance.dialogue import Dialogue, Oracle, Unspecified

__all__ = ("REDIS", "Resp", "command")


class Resp(Dialogue):
    """One connection."""

    def __init__(self) -> None:
        super().__init__()
        self._input = b""
        self._known: dict[bytes, bytes | None] = {}

    def receive(self, data: bytes, /) -> None:
        """Owe a reply for each command that is complete."""
        self._input += data
        for words in self._commands():
            self.owed += self._reply(words[0].upper(), *words[1:])

    def _commands(self) -> Iterator[list[bytes]]:
        while (head := self._input.find(b"\r\n")) >= 0:
            words, at = [], head + 2
            for _ in range(int(self._input[1:head])):
                end = self._input.find(b"\r\n", at)
                size = int(self._input[at + 1 : end]) if end >= 0 else 0
                if end < 0 or len(self._input) < end + size + 4:
                    return
                words.append(self._input[end + 2 : end + 2 + size])
                at = end + size + 4
            self._input = self._input[at:]
            yield words

    def _reply(self, name: bytes, key: bytes = b"", value: bytes = b"") -> bytes:
        match name:
            case b"PING":
                return b"+PONG\r\n"
            case b"ECHO":
                return _bulk(key)
            case b"SET":
                self._known[key] = value
                return b"+OK\r\n"
            case b"QUIT":
                self.closes = True
                return b"+OK\r\n"
        if key not in self._known:
            raise Unspecified(f"nobody knows what {key!r} holds")
        old = self._known[key]
        match name:
            case b"GET":
                return _bulk(old)
            case b"DEL":
                self._known[key] = None
                return b":%d\r\n" % (old is not None)
            case _:  # INCR
                number = int(old or b"0") if old is None or old.isdigit() else None
                if number is None or b"%d" % number != (old or b"0") or number >= 10**15:
                    return b"-ERR value is not an integer or out of range\r\n"
                self._known[key] = b"%d" % (number + 1)
                return b":%d\r\n" % (number + 1)


def _bulk(data: bytes | None) -> bytes:
    return b"$-1\r\n" if data is None else b"$%d\r\n%b\r\n" % (len(data), data)


def command(*words: bytes) -> bytes:
    """Render a command as clients send it: an array of bulk strings."""
    return b"*%d\r\n" % len(words) + b"".join(map(_bulk, words))


@st.composite
def messages(draw: st.DrawFn, client: int) -> bytes:
    """Draw one command; keys carry the client's number."""
    name = draw(st.sampled_from((b"SET", b"SET", b"GET", b"GET", b"INCR", b"DEL", b"ECHO", b"PING", b"QUIT")))
    key = b"suite:%d:%d" % (client, draw(st.integers(0, 1)))
    match name:
        case b"PING" | b"QUIT":
            return command(name)
        case b"ECHO":
            return command(name, draw(st.binary(max_size=40)))
        case b"SET":
            return command(name, key, draw(st.binary(max_size=40) | st.integers(0, 999).map(lambda n: b"%d" % n)))
        case _:
            return command(name, key)


REDIS = Oracle("redis", Resp, messages, canary=command(b"PING"))
