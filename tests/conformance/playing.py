"""Small hand-made servers in threads, and scripts played against them."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from suite.conformance.address import Address
from suite.conformance.oracle import EchoOracle, findings
from suite.conformance.player import Player
from suite.conformance.script import Script, from_json
from suite.conformance.transcript import Transcript

Handler = Callable[[socket.socket], None]
ORACLE = EchoOracle()
LONG = 20.0
"""Seconds no wait in these tests should come near."""


@contextmanager
def serving(*handlers: Handler) -> Iterator[Address]:
    """Accept in a thread; the n-th connection goes to the n-th handler, all later ones to the last; then it is closed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threads: list[threading.Thread] = []
    stop = socket.socket()
    stop.bind(("127.0.0.1", 0))

    def handle(conn: socket.socket, handler: Handler) -> None:
        with conn:
            conn.settimeout(LONG)
            try:
                handler(conn)
            except OSError:
                pass  # the client has gone

    def accept() -> None:
        while True:
            conn, peer = listener.accept()
            if peer == stop.getsockname():
                conn.close()
                return
            handler = handlers[min(len(threads), len(handlers) - 1)]
            threads.append(threading.Thread(target=handle, args=(conn, handler)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    with listener, stop:
        try:
            yield Address(socket.AF_INET, listener.getsockname())
        finally:
            stop.connect(listener.getsockname())  # the last of the queue
            acceptor.join(LONG)
            for thread in threads:
                thread.join(LONG)


def echo(conn: socket.socket) -> None:
    while data := conn.recv(65536):
        conn.sendall(data)


def silent(conn: socket.socket) -> None:
    while conn.recv(65536):
        pass


def reset(conn: socket.socket) -> None:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def exactly(conn: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := conn.recv(count - len(data))):
        data += more
    return data


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def script(*rows: list[object]) -> Script:
    return from_json(list(rows))


def play(address: Address, *rows: list[object], patience: float = LONG) -> Transcript:
    return Player(address, ORACLE, patience=patience).play(script(*rows))


def kinds(transcript: Transcript) -> list[str]:
    return [finding.kind for finding in findings(transcript, ORACLE)]


HELLO: tuple[list[object], ...] = (["open", 0], ["send", 0, {"hex": "68656c6c6f"}])
