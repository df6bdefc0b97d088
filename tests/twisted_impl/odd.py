"""`python -m tests.twisted_impl.odd MECHANISM SESSION [--occupy N] --port 0`: the driver under sessions no service has."""

import argparse
import os
from collections.abc import Callable

from suite import log
from suite.launch import Limits, announce, open_listener
from suite.services.echo import Echo
from suite.session import Session
from twisted_impl import server


class RaisesOnData(Echo):
    __slots__ = ()

    def receive_data(self, data: bytes, /) -> bytes:
        if b"!" in data:
            raise RuntimeError("a bad byte")
        return super().receive_data(data)


class RaisesOnEof(Echo):
    __slots__ = ()

    def receive_eof(self) -> bytes:
        raise RuntimeError("a bad end")


class RaisesOnOutput(Echo):
    __slots__ = ()

    def receive_data(self, data: bytes, /) -> bytes:
        self.has_output = b"!" in data
        return super().receive_data(data)

    def data_to_send(self, _limit: int, /) -> bytes:
        raise RuntimeError("a bad output")


class NamesItsReactor(Session):
    """Sends the class of the reactor it runs on, and ends."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.has_output = True

    def receive_data(self, _data: bytes, /) -> bytes:
        return b""

    def data_to_send(self, _limit: int, /) -> bytes:
        from twisted.internet import reactor

        self.has_output, self.finished = False, True
        return type(reactor).__name__.strip("_").encode()


class Whole(Session):
    """Collects its input and answers all of it at the end, by its own output: flags and limits in every order."""

    __slots__ = ("_answer",)

    def __init__(self) -> None:
        super().__init__()
        self._answer = b""

    def receive_data(self, data: bytes, /) -> bytes:
        self._answer += data
        return b""

    def receive_eof(self) -> bytes:
        self.has_output = True
        return b"all of it: "

    def data_to_send(self, limit: int, /) -> bytes:
        part, self._answer = self._answer[:limit], self._answer[limit:]
        self.has_output = bool(self._answer)
        self.finished = not self._answer
        return part


def raises_at_once() -> Session:
    """One bad connection in two."""
    global _made  # noqa: PLW0603 - a counter for the whole process is the point
    _made += 1
    if _made % 2:
        raise RuntimeError("a bad start")
    return Echo()


_made = 0
SESSIONS: dict[str, Callable[[], Session]] = {
    "echo": Echo,
    "raises-at-once": raises_at_once,
    "raises-on-data": RaisesOnData,
    "raises-on-eof": RaisesOnEof,
    "raises-on-output": RaisesOnOutput,
    "names-its-reactor": NamesItsReactor,
    "whole": Whole,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("mechanism")
    parser.add_argument("session")
    parser.add_argument("--occupy", type=int, default=0, help="descriptors taken before anything else")
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    occupied = [os.open(os.devnull, os.O_RDONLY) for _ in range(options.occupy)]
    log.set_up(verbose=True)
    listener = open_listener("127.0.0.1", options.port)
    announce(listener)
    serve = getattr(server, f"serve_{options.mechanism}")
    serve(SESSIONS[options.session], listener, Limits(drain_grace=1.0, linger=0.5))
