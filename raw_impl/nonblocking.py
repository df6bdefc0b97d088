"""raw-nonblocking: asks the listener and every connection in turn, and never waits (fcntl(2), O_NONBLOCK).

Most answers are EAGAIN, so it burns a core while nobody says anything. That is its nature, and declared; when a whole
round has found nothing it gives the core to whoever else wants it.
"""

import os
from socket import socket

from raw_impl._loop import Loop
from raw_impl._peer import GONE
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    with StopSignal() as stop, Loop(new_session, listener, limits, stop) as loop:
        peers = loop.peers
        for _timeout in loop.turns():  # which is not waited
            moved = False

            for fd, mask in loop.expired():
                peers[fd].turn(mask)

            for fd, peer in list(peers.items()):  # a copy: the ended ones are taken out meanwhile
                moved = peer.turn(peer.interest) or moved
                if peer.interest == GONE:
                    del peers[fd]

            for _peer in loop.accept():
                moved = True

            if not moved:
                os.sched_yield()
