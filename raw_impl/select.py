"""raw-select: three bitmaps of 1024 descriptors are handed to the kernel for each wait (select(2)).

The bitmaps are ours, and every wait scans them up to the highest descriptor. What does not fit is turned away: the
limit is on the *number* of a descriptor, not on how many there are.
"""

import select
from socket import socket

from raw_impl._console import Console
from raw_impl._loop import Loop
from raw_impl._peer import GONE, IN, OUT
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("FD_SETSIZE", "serve")

FD_SETSIZE = 1024
"""Bits of an fd_set in the C library; a higher descriptor would be written beyond its end: select(2), BUGS."""


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM, SIGINT or a typed line, drain, close the listener and return (`suite.launch.Serve`)."""
    console = Console()
    with StopSignal() as stop, Loop(new_session, listener, limits, stop) as loop:
        reading: set[int] = set()
        writing: set[int] = set()
        peers = loop.peers
        reading.add(stop.fileno())
        listening_fd = listener.fileno()
        watched = False
        for timeout in loop.turns():
            if watched != loop.listening:
                watched = loop.listening
                if watched:
                    reading.add(listening_fd)
                else:  # closed or not: a closed number left in the set would fail the wait with EBADF, select(2)
                    reading.remove(listening_fd)
            accepting = loop.draining

            for fd, mask in _wait(reading, writing, console.join(reading, timeout)) + loop.expired():
                try:
                    peer = peers[fd]
                except KeyError:
                    if fd == listening_fd:
                        accepting = True
                    elif fd == console.fd:
                        stop.requested = console.line_typed() or stop.requested
                    else:
                        stop.clear()
                    continue
                before = peer.interest
                peer.turn(mask)
                if peer.interest == before:
                    continue
                if peer.interest == GONE:
                    del peers[fd]
                    reading.discard(fd)
                    writing.discard(fd)
                else:
                    _watch(reading, writing, fd, peer.interest)

            # Only now, for accept(2) gives out the numbers of descriptors closed above: a new connection must not
            # meet the events of an old one.
            if accepting:
                for peer in loop.accept():
                    fd = peer.sock.fileno()
                    if fd < FD_SETSIZE:
                        _watch(reading, writing, fd, peer.interest)
                    else:
                        loop.refuse(peer, f"descriptor {fd} does not fit into select's {FD_SETSIZE}")


def _wait(reading: set[int], writing: set[int], timeout: float | None) -> list[tuple[int, int]]:
    readable, writable, _ = select.select(reading, writing, (), timeout)
    masks = dict.fromkeys(readable, IN)
    for fd in writable:
        masks[fd] = masks.get(fd, 0) | OUT
    return list(masks.items())


def _watch(reading: set[int], writing: set[int], fd: int, interest: int) -> None:
    (reading.add if interest & IN else reading.discard)(fd)
    (writing.add if interest & OUT else writing.discard)(fd)
