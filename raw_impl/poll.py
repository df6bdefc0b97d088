"""raw-poll: a list of descriptors of any number is handed to the kernel for each wait (poll(2)).

The list is ours: changing it is free, but every wait copies and scans all of it, so the cost grows with the idle
connections too.
"""

import select
from socket import socket

from raw_impl._loop import Loop
from raw_impl._peer import GONE, IN
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    with StopSignal() as stop, Loop(new_session, listener, limits, stop) as loop:
        poll = select.poll()
        peers = loop.peers
        poll.register(stop.fileno(), IN)
        listening_fd = listener.fileno()
        watched = False
        for timeout in loop.turns():
            if watched != loop.listening:
                watched = loop.listening
                if watched:
                    poll.register(listening_fd, IN)
                else:  # closed or not: a number left in the list would be answered with POLLNVAL at once, poll(2)
                    poll.unregister(listening_fd)
            accepting = loop.draining

            for fd, mask in poll.poll(None if timeout is None else timeout * 1000) + loop.expired():
                try:
                    peer = peers[fd]
                except KeyError:
                    if fd == listening_fd:
                        accepting = True
                    else:
                        stop.clear()
                    continue
                before = peer.interest
                peer.turn(mask)
                if peer.interest == before:
                    continue
                if peer.interest == GONE:
                    del peers[fd]
                    poll.unregister(fd)
                else:
                    poll.modify(fd, peer.interest)

            # Only now, for accept(2) gives out the numbers of descriptors closed above: a new connection must not
            # meet the events of an old one.
            if accepting:
                for peer in loop.accept():
                    poll.register(peer.sock, peer.interest)
