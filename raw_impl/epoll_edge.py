"""raw-epoll-edge: the kernel keeps the list of descriptors and tells once of each change (epoll(7), edge-triggered).

A descriptor is registered once, for everything, and never again. The price: what is not read or written until EAGAIN
is never told of again, so this driver keeps a list of its own of whatever may still have something.
"""

import select
from socket import socket

from raw_impl._loop import Loop
from raw_impl._peer import EXPIRED, GONE, IN, OUT, Peer
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)

# No EPOLLRDHUP: it is for drivers that take a short read for an empty buffer, as epoll(7), Q9 allows, and would miss
# the FIN behind the data. A read also ends short at urgent data (tcp(7)), so here only EAGAIN means empty.
EVERYTHING = IN | OUT | select.EPOLLET

BURST = 4
"""Turns of one connection before the next one's: a client that never lets EAGAIN come keeps nobody else waiting."""


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    with StopSignal() as stop, Loop(new_session, listener, limits, stop) as loop, select.epoll() as epoll:
        peers = loop.peers
        epoll.register(stop.fileno(), IN)
        listening_fd = listener.fileno()
        epoll.register(listening_fd, EVERYTHING)
        ready: dict[int, Peer] = {}
        for timeout in loop.turns():
            # The queue too is told of once: it counts as waiting until accept(2) has said EAGAIN.
            accepting = loop.listening and (loop.draining or not loop.acceptor.empty)

            for fd, mask in epoll.poll(0 if ready or accepting else timeout) + loop.expired():
                try:
                    peer = peers[fd]
                except KeyError:
                    if fd == listening_fd:
                        accepting = True
                    else:
                        stop.clear()
                    continue
                if mask == EXPIRED:
                    peer.turn(mask)
                ready[fd] = peer

            # Polling, but only those of whom the kernel has told us; the mask is old by the second turn, so each is
            # asked for all that it waits for.
            for fd, peer in list(ready.items()):
                for _ in range(BURST):
                    if not peer.turn(peer.interest) or peer.interest == GONE:
                        del ready[fd]
                        break
                if peer.interest == GONE:
                    del peers[fd]

            # Only now, for accept(2) gives out the numbers of descriptors closed above: a new connection must not
            # meet the events of an old one.
            if accepting:
                for peer in loop.accept():
                    try:
                        epoll.register(peer.sock, EVERYTHING)
                    except OSError as error:  # ENOSPC: fs.epoll.max_user_watches, epoll_ctl(2)
                        loop.refuse(peer, f"epoll cannot watch it ({error.strerror})")
