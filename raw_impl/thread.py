"""raw-thread: a thread per client, each waiting in recv(2) for its own (pthreads(7)).

The threads share every descriptor, so nobody closes a connection but the thread that serves it. They are daemons: the
end of the process waits for none of them, so the driver does, for as long as the grace lasts.
"""

import socket
import time
from threading import Thread, current_thread

from raw_impl._acceptor import turn_away
from raw_impl._blocking import Arrivals, attend
from raw_impl._peer import Peer, Shared
from suite import log
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)


def serve(new_session: NewSession, listener: socket.socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    shared = Shared(limits)
    threads: dict[Thread, socket.socket] = {}
    with StopSignal() as stop:
        arrivals = Arrivals(listener, stop, limits.drain_grace)
        for sock, address in arrivals:
            thread = Thread(target=_serve_one, args=(sock, address, new_session, shared, threads), daemon=True)
            threads[thread] = sock
            try:
                thread.start()
            except RuntimeError as error:  # "can't start new thread": RLIMIT_NPROC, the pids cgroup, memory
                del threads[thread]
                log.trouble("thread", "no thread for a client, which is turned away", error=error)
                turn_away(sock, address, "no thread for it")
        _join(threads, arrivals.end)
        for sock in list(threads.values()):
            try:
                sock.shutdown(socket.SHUT_RDWR)  # wakes its thread, which closes it
            except OSError:
                pass  # closed meanwhile
        _join(threads, time.monotonic() + 1.0)


def _serve_one(
    sock: socket.socket,
    address: object,
    new_session: NewSession,
    shared: Shared,
    threads: dict[Thread, socket.socket],
) -> None:
    with sock:
        try:
            attend(Peer(sock, address, new_session, shared))
        finally:
            del threads[current_thread()]


def _join(threads: dict[Thread, socket.socket], end: float) -> None:
    for thread in list(threads):
        thread.join(max(0.0, end - time.monotonic()))
