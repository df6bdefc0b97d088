"""raw-native: echo by hand on level-triggered epoll(7), without a Session: the control that raw-epoll is measured by.

A connection waits either to be read or to be written, never both: one read is all that is held of it, and its FIN is
read only once everything before it has been sent back. Left out: every other service, the accept-error table (out of
descriptors it spins), bounds on a turn, the log.
"""

import select
import time
from socket import socket

from suite.launch import READ_SIZE, Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)


def serve(_new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Echo until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    socks: dict[int, socket] = {}
    unsent: dict[int, bytes] = {}
    with StopSignal() as stop, select.epoll() as epoll:
        epoll.register(stop.fileno(), select.EPOLLIN)
        epoll.register(listener, select.EPOLLIN)
        while not stop.requested:
            if _turn(epoll, -1, socks, unsent):
                stop.clear()
                _accept(epoll, listener, socks)
        stop.clear()
        _accept(epoll, listener, socks)
        listener.close()
        end = time.monotonic() + limits.drain_grace
        while socks and (left := end - time.monotonic()) > 0:
            _turn(epoll, left, socks, unsent)
        for sock in socks.values():
            sock.close()


def _turn(epoll: select.epoll, timeout: float, socks: dict[int, socket], unsent: dict[int, bytes]) -> bool:
    """Wait and echo; return whether something else than a connection had an event."""
    others = False
    for fd, _mask in epoll.poll(timeout):
        sock = socks.get(fd)
        if sock is None:
            others = True
            continue
        waiting = unsent.pop(fd, b"")
        try:
            data = waiting or sock.recv(READ_SIZE)
            try:
                sent = sock.send(data) if data else 0
            except BlockingIOError:
                sent = 0
        except BlockingIOError:
            continue
        except OSError:
            data = b""
        if not data:
            del socks[fd]
            sock.close()  # which also ends the watching: epoll(7), Q6
        elif sent < len(data):
            unsent[fd] = data[sent:]
            if not waiting:
                epoll.modify(fd, select.EPOLLOUT)
        elif waiting:
            epoll.modify(fd, select.EPOLLIN)
    return others


def _accept(epoll: select.epoll, listener: socket, socks: dict[int, socket]) -> None:
    try:
        while True:
            sock, _address = listener.accept()
            sock.setblocking(False)
            socks[sock.fileno()] = sock
            epoll.register(sock, select.EPOLLIN)
    except OSError:  # EAGAIN: nobody is left in the queue; any other is seen again in the next turn
        pass
