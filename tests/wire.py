"""Clients of the tests, on plain sockets: every wait has a bound, and FIN, RST and silence stay three things.

A FIN ends `read_to_end`, an RST is ConnectionResetError, silence is TimeoutError.
"""

import random
import select
import selectors
import socket
import struct
import time
from collections.abc import Mapping

import psutil

from suite.process import Server

__all__ = (
    "Usage",
    "connect",
    "cpu",
    "echoes",
    "exchange",
    "fill",
    "finish_all",
    "read_to_end",
    "reset",
    "settled",
    "unique_bytes",
    "usage",
)

PATIENCE = 10.0
Address = tuple[str, int]
Usage = tuple[int, int, int, int]
"""Descriptors, threads, processes, zombies of a tree."""


def connect(address: Address, source: str = "") -> socket.socket:
    """Connect within PATIENCE; so may each later operation take."""
    return socket.create_connection(address, timeout=PATIENCE, source_address=(source, 0) if source else None)


def reset(sock: socket.socket) -> None:
    """End a connection with RST: socket(7), SO_LINGER of zero seconds."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def read_to_end(sock: socket.socket) -> bytes:
    """Read until FIN."""
    parts = []
    while data := sock.recv(65536):
        parts.append(data)
    return b"".join(parts)


def echoes(sock: socket.socket, payload: bytes) -> bool:
    """Send a payload that fits into the kernel's buffers and say whether it comes back."""
    sock.sendall(payload)
    return sock.recv(len(payload), socket.MSG_WAITALL) == payload


def exchange(sock: socket.socket, payload: bytes, rng: random.Random) -> bytes:
    """Send in random pieces while reading in random pieces; return as many bytes as were sent."""
    sock.setblocking(False)
    sent, got = 0, bytearray()
    deadline = time.monotonic() + 6 * PATIENCE
    while len(got) < len(payload):
        readable, writable, _ = select.select([sock], [sock] if sent < len(payload) else [], [], PATIENCE)
        if not (readable or writable) or time.monotonic() > deadline:
            raise TimeoutError(f"{sent} bytes sent, {len(got)} back")
        if writable:
            sent += sock.send(payload[sent : sent + rng.choice((1, 100, 5000, 70_000, 300_000))])
        if readable:
            data = sock.recv(rng.choice((1, 1000, 65536, 200_000)))
            if not data:
                raise EOFError(f"{sent} bytes sent, FIN after {len(got)}")
            got += data
    sock.settimeout(PATIENCE)
    return bytes(got)


def fill(sock: socket.socket, most: int, quiet: float = 0.5) -> int:
    """Send, reading nothing, until nothing is taken for `quiet` seconds or `most` bytes were; return the number taken."""
    sock.setblocking(False)
    block, sent = bytes(range(256)) * 1024, 0
    while sent < most and select.select([], [sock], [], quiet)[1]:
        try:
            sent += sock.send(block[sent % 256 :])
        except BlockingIOError:
            pass
    sock.settimeout(PATIENCE)
    return sent


def pattern(length: int) -> bytes:
    """Return what `fill` sends in its first `length` bytes."""
    return (bytes(range(256)) * (length // 256 + 1))[:length]


def finish_all(
    payloads: Mapping[socket.socket, bytes], seconds: float = 3 * PATIENCE
) -> dict[socket.socket, bytes | str]:
    """On all sockets at once, send each its payload and a FIN and read to the end; a str names another ending."""
    results: dict[socket.socket, bytes | str] = {}
    parts: dict[socket.socket, list[bytes]] = {sock: [] for sock in payloads}
    left = {sock: memoryview(payload) for sock, payload in payloads.items()}
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for sock in payloads:
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, sock)
        while selector.get_map() and time.monotonic() < deadline:
            for key, events in selector.select(0.1):
                sock = key.data
                try:
                    if events & selectors.EVENT_WRITE:
                        left[sock] = left[sock][sock.send(left[sock]) if left[sock] else 0 :]
                        if not left[sock]:
                            sock.shutdown(socket.SHUT_WR)
                            selector.modify(sock, selectors.EVENT_READ, sock)
                    if events & selectors.EVENT_READ:
                        data = sock.recv(262_144)
                        parts[sock].append(data)
                        if not data:
                            results[sock] = b"".join(parts[sock])
                            selector.unregister(sock)
                except OSError as error:
                    results[sock] = f"{type(error).__name__} after {sum(map(len, parts[sock]))} bytes"
                    selector.unregister(sock)
    return {sock: results.get(sock, f"still open after {sum(map(len, parts[sock]))} bytes") for sock in payloads}


def processes(server: Server) -> list[psutil.Process]:
    return [psutil.Process(pid) for pid in server.tree()]


def usage(server: Server) -> Usage:
    """Count what a server's tree holds (a process that ends meanwhile counts nothing)."""
    fds = threads = count = 0
    for pid in server.tree():
        try:
            process = psutil.Process(pid)
            fds, threads, count = fds + process.num_fds(), threads + process.num_threads(), count + 1
        except psutil.NoSuchProcess:
            pass
    return fds, threads, count, zombies(server)


def settled(server: Server, quiet: float = 0.2) -> Usage:
    """Return what the tree holds once that has not changed for `quiet` seconds: earlier clients are gone then."""
    held, since = usage(server), time.monotonic()
    deadline = since + PATIENCE
    while time.monotonic() < min(since + quiet, deadline):
        time.sleep(0.01)
        if (now := usage(server)) != held:
            held, since = now, time.monotonic()
    return held


def zombies(server: Server) -> int:
    """Count the children that have ended and are not reaped."""
    count = 0
    for child in psutil.Process(server.pid).children(recursive=True):
        try:
            count += child.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            pass
    return count


def cpu(server: Server) -> float:
    """Return the seconds of processor time that the live processes of the tree have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes(server))


def unique_bytes(server: Server) -> int:
    """Return the bytes of memory that the tree's processes share with nobody: what one more client costs."""
    return sum(process.memory_full_info().uss for process in processes(server))
