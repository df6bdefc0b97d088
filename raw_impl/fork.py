"""raw-fork: a process per client (fork(2)).

Each process has a copy of every descriptor, and a connection ends only when the last copy is closed: the parent closes
its copy of the connection, the child its copies of everything else.
"""

from functools import partial
from socket import socket

from raw_impl._acceptor import turn_away
from raw_impl._blocking import Arrivals, attend
from raw_impl._children import Children
from raw_impl._peer import Peer, Shared
from suite import log
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    with Children() as children, StopSignal(on_second=children.end) as stop:
        arrivals = Arrivals(listener, stop, limits.drain_grace, woken=children.reap)
        for sock, address in arrivals:
            with sock:
                work = partial(_serve_one, sock, address, new_session, limits, arrivals)
                try:
                    children.spawn(work, stop)
                except OSError as error:  # EAGAIN: RLIMIT_NPROC or the pids cgroup; ENOMEM
                    log.trouble("fork", "no process for a client, which is turned away", error=error)
                    turn_away(sock, address, "no process for it")
        children.wait(stop, arrivals.end)


def _serve_one(sock: socket, address: object, new_session: NewSession, limits: Limits, arrivals: Arrivals) -> None:
    arrivals.close()
    attend(Peer(sock, address, new_session, Shared(limits)))
