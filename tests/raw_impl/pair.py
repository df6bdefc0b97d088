"""One connection of a server with its client, and sessions that talk on their own or raise."""

import select
import socket
import struct
from collections import deque
from typing import Self

from raw_impl._peer import GONE, IN, Peer, Shared
from suite.launch import READ_SIZE, Limits
from suite.session import NewSession, Session

PEER = ("192.0.2.1", 4242)
LIMITS = Limits(high_water=100_000, linger=1.0)


class Messages(Session):
    """Sends `output` on its own; remembers its input, and answers it with `answer`."""

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


class OneShot(Messages):
    def data_to_send(self, limit: int, /) -> bytes:
        part = super().data_to_send(limit)
        self.finished = not self.has_output
        return part


class Endless(Messages):
    def __init__(self) -> None:
        super().__init__(b"~")
        self.pulled = 0

    def data_to_send(self, limit: int, /) -> bytes:
        self.pulled += limit
        return b"~" * limit

    def receive_eof(self) -> bytes:
        self.has_output = False
        return super().receive_eof()


class Clumsy(Messages):
    """Raises at the input b"data", at EOF or when it is pulled, as its output says."""

    def receive_data(self, data: bytes, /) -> bytes:
        if data == b"data":
            raise ZeroDivisionError("clumsy")
        return data

    def receive_eof(self) -> bytes:
        raise ZeroDivisionError("clumsy")

    def data_to_send(self, _limit: int, /) -> bytes:
        raise ZeroDivisionError("clumsy")


class Pair:
    """A TCP connection: `client` is the far end, `peer` the near one; both are closed in the end."""

    def __init__(self, new_session: NewSession, limits: Limits = LIMITS, *, blocking: bool = False) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname(), timeout=10)
            near, _address = listener.accept()
        near.setblocking(blocking)
        self.shared = Shared(limits)
        self.shared.lingering = deque()
        self.peer = Peer(near, PEER, new_session, self.shared)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.peer.sock.close()

    def turn(self, seconds: float = 10.0) -> int:
        """Wait as a driver does, let the peer have its turn; return the events."""
        poll = select.poll()
        poll.register(self.peer.sock, self.peer.interest)
        events = poll.poll(seconds * 1000)
        assert events or seconds == 0.0, "nothing happened"
        for _fd, mask in events:
            self.peer.turn(mask)
        return events[0][1] if events else 0

    def run(self) -> None:
        """Serve until the connection is gone or nothing is ready."""
        while self.peer.interest != GONE and self.turn(0.0):
            pass

    def reset(self) -> None:
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def stuff(self) -> int:
        """Send from the client, and turn, until nothing is taken any more; return the number of bytes sent."""
        sent = 0
        self.client.setblocking(False)
        while sent < 64 << 20:
            try:
                sent += self.client.send(bytes(READ_SIZE))
            except BlockingIOError:
                if not self.turn(0.2 if self.peer.interest & IN else 0.0):
                    break
        self.client.settimeout(10)
        return sent
