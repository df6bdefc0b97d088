"""What qotd, daytime and time share: one message as soon as the connection stands, whatever the peer sends."""

from suite.session import Session

__all__ = ("Message",)


class Message(Session):
    """Sends `message`, then is finished; throws input away."""

    __slots__ = ("_rest",)

    def __init__(self, message: bytes) -> None:
        super().__init__()
        self.has_output = True
        self._rest = message

    def receive_data(self, _data: bytes, /) -> bytes:
        """Throw the input away."""
        return b""

    def receive_eof(self) -> bytes:
        """Return what is still unsent: a peer that had nothing to say (`nc -N`) is owed the message all the same."""
        return self.data_to_send(len(self._rest))

    def data_to_send(self, limit: int, /) -> bytes:
        """Return the next `limit` bytes of the message; its last byte ends the service."""
        part, self._rest = self._rest[:limit], self._rest[limit:]
        if not self._rest:
            self.has_output = False
            self.finished = True
        return part
