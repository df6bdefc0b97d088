"""Right, if odd: four threads take ready clients from one epoll, each client in the hands of one at a time."""

import select
import socket
import sys
import threading

IN, OUT, ONCE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLONESHOT
clients = {}
unsent = {}
epoll = select.epoll()


def turn(fd):
    """Return what to wait for next; None at the end."""
    sock = clients[fd]
    try:
        if not unsent[fd]:
            data = sock.recv(65536)
            if not data:
                return None
            unsent[fd] = data
        unsent[fd] = unsent[fd][sock.send(unsent[fd]) :]
    except BlockingIOError:
        pass
    except OSError:
        return None
    return OUT if unsent[fd] else IN


def work():
    while True:
        for fd, _ in epoll.poll(maxevents=1):
            mask = turn(fd)
            if mask is not None:
                epoll.modify(fd, mask | ONCE)
                continue
            sock = clients.pop(fd)
            del unsent[fd]
            sock.close()


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    for _ in range(4):
        threading.Thread(target=work, daemon=True).start()
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        clients[sock.fileno()] = sock
        unsent[sock.fileno()] = b""
        epoll.register(sock, IN | ONCE)


main()
