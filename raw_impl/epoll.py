"""raw-epoll: the kernel keeps the list of descriptors and returns the ready ones (epoll(7), level-triggered).

A wait costs what is ready, not what is watched. A change of the list is a system call, so it is made only when what a
connection waits for has changed; for a client that reads its echo that is never.
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
    with StopSignal() as stop, Loop(new_session, listener, limits, stop) as loop, select.epoll() as epoll:
        peers = loop.peers
        epoll.register(stop.fileno(), IN)
        listening_fd = listener.fileno()
        watched = False
        for timeout in loop.turns():
            if watched != loop.listening:
                watched = loop.listening
                if watched:
                    epoll.register(listening_fd, IN)
                elif not loop.acceptor.closed:  # epoll(7), Q6: a closed descriptor has left the list by itself
                    epoll.unregister(listening_fd)
            accepting = loop.draining

            for fd, mask in epoll.poll(timeout) + loop.expired():
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
                else:
                    epoll.modify(fd, peer.interest)

            # Only now, for accept(2) gives out the numbers of descriptors closed above: a new connection must not
            # meet the events of an old one.
            if accepting:
                for peer in loop.accept():
                    try:
                        epoll.register(peer.sock, peer.interest)
                    except OSError as error:  # ENOSPC: fs.epoll.max_user_watches, epoll_ctl(2)
                        loop.refuse(peer, f"epoll cannot watch it ({error.strerror})")
