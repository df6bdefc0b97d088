"""Sessions that the tests of both handlers converse with, and the peer and limits they give them."""

from suite.launch import Limits
from suite.session import Session

__all__ = ("LIMITS", "PEER", "Clumsy", "Endless", "Recorder")

PEER = ("192.0.2.1", 4242)
LIMITS = Limits(high_water=100, linger=1.0)


class Recorder(Session):
    """Remembers its input; `output` of its own may be set, and what each input is answered with."""

    def __init__(self, output: bytes = b"", answer: bytes = b"") -> None:
        super().__init__()
        self.output = output
        self.answer = answer
        self.has_output = bool(output)
        self.inputs: list[bytes] = []

    def receive_data(self, data: bytes, /) -> bytes:
        self.inputs.append(data)
        return self.answer

    def data_to_send(self, limit: int, /) -> bytes:
        part, self.output = self.output[:limit], self.output[limit:]
        self.has_output = bool(self.output)
        return part


class Endless(Recorder):
    def data_to_send(self, limit: int, /) -> bytes:
        return b"~" * limit

    def receive_eof(self) -> bytes:
        self.has_output = False
        return super().receive_eof()


class Clumsy(Endless):
    def receive_data(self, _data: bytes, /) -> bytes:
        raise ZeroDivisionError("clumsy")
