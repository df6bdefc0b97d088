"""raw-uring: the kernel is not asked what could be done but told what to do, and says what it has done (io_uring(7)).

Requests and their completions lie in memory shared with it, so one system call hands over all that a turn has to send
and waits for the next, however many clients there are. A request to receive goes on by itself, into buffers of which
the kernel takes one only when there is something to put into it; so does one to accept.
"""

import errno
import os
from functools import partial
from socket import socket
from typing import cast

from raw_impl._completion import Channel, CompletedPeer
from raw_impl._loop import Loop
from raw_impl._peer import GONE, IN
from raw_impl._uring import ACCEPT, BUFFER, FD, LISTENER, MORE, REST, SEND, STOP, Ring
from suite import log
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)

BULK = 131072
"""Bytes of replies that are sent by a call of their own: kept until all of a turn's are sent, they are no longer in the
processor's caches, and malloc(3) gives their memory back to the system after each turn only to fetch it anew."""
WORTH_COUNTING = 4096


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    ring = Ring()
    new_peer = partial(CompletedPeer.on, ring)
    # The ring ends first: what is under way would keep descriptors open that the loop closes.
    with StopSignal() as stop, Loop(new_session, listener, limits, stop, new_peer) as loop, ring:
        take = ring.take
        peers = cast("dict[int, CompletedPeer]", loop.peers)
        ring.poll(stop.fileno(), IN, STOP)
        listening_fd = listener.fileno()
        asked = 0  # what waits for the listener: a multishot ACCEPT, a poll for LISTENER, or nothing
        failed = cancelled = False
        verbose = log.verbose()
        again: list[CompletedPeer] = []  # to be attended to after the next wait, whatever comes
        starved: list[CompletedPeer] = []  # had no buffer to receive into
        for timeout in loop.turns():
            if loop.draining and asked:
                if not cancelled:
                    ring.cancel(listening_fd, asked)
                    cancelled = True
            elif loop.listening and not asked and not loop.draining:
                asked = LISTENER if failed else ACCEPT
                if failed:
                    ring.poll(listening_fd, IN, LISTENER)
                else:
                    ring.accept(listening_fd)
            accepting = loop.draining and not asked
            touched, again = again, []

            found, size = ring.wait(0.0 if touched or starved else timeout), 0
            for tag, result, flags in found:
                if tag <= FD:
                    peer = peers[tag]
                    if not flags & MORE:
                        peer.sock.receiving = False
                    if flags & BUFFER:
                        data = take(flags, result)
                        if peer.interest == IN:  # as almost always; nothing of it is held back then
                            peer.feed(data)
                            if result >= WORTH_COUNTING:
                                size += result
                                if size >= BULK:
                                    found += ring.flush()
                                    size = 0
                            if flags & MORE and peer.interest == IN:
                                continue
                        else:
                            peer.arrived(data)
                    elif result == 0:
                        peer.arrived(b"")
                    elif result == -errno.ENOBUFS:
                        starved.append(peer)
                        continue
                    elif result != -errno.ECANCELED:
                        peer.arrived(OSError(-result, os.strerror(-result)))
                    touched.append(peer)
                    continue
                fd, kind = tag & FD, tag & ~FD
                if kind == SEND:
                    peer = peers[fd]
                    # What the same turn has added comes behind it.
                    more = ring.outgoing.pop(fd, b"")
                    peer.sent_short(ring.submitted.pop(fd) + more, result)
                    touched.append(peer)
                elif kind == REST:
                    peer = peers[fd]
                    peer.sent_rest(result)
                    touched.append(peer)
                elif kind == ACCEPT:
                    if result >= 0:
                        channel = Channel(ring, listener.family, result)
                        if loop.admit(channel, channel.greet() if verbose else None):
                            touched.append(peers[result])
                    if not flags & MORE:
                        asked = 0
                        failed = result < 0
                elif kind == LISTENER:
                    asked = 0
                    accepting = True
                elif kind == STOP:
                    stop.clear()
                    ring.poll(stop.fileno(), IN, STOP)
            for fd, mask in loop.expired():
                peers[fd].turn(mask)
                touched.append(peers[fd])

            ring.submitted.clear()
            # All the buffers are free again: so many can be received into. Asked for all at once, whoever is starved
            # would be so again, and the more there are the longer.
            touched += starved[: ring.buffers]
            del starved[: ring.buffers]
            for peer in touched:
                if peer.attend():
                    again.append(peer)
                elif peer.interest == GONE and peer.sock.release() and peers.get(peer.sock.number) is peer:
                    del peers[peer.sock.number]

            if accepting:
                again += [peers[peer.sock.fileno()] for peer in loop.accept()]
                failed = not loop.acceptor.empty
