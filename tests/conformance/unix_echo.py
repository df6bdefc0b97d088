"""An echo server on a unix socket: unix_echo.py PATH [loses-tail]. Stand-alone."""

import select
import socket
import sys
import threading
import time


def serve(sock: socket.socket) -> None:
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass  # the client has gone


def lose_tail(listener: socket.socket) -> None:
    """Fault: the peer's end is looked at before what came with it."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    clients: dict[int, socket.socket] = {}
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                sock, _ = listener.accept()
                clients[sock.fileno()] = sock
                poll.register(sock, select.POLLIN | select.POLLRDHUP)
                continue
            sock = clients[fd]
            try:
                time.sleep(0.002)  # the end may be on its way
                data = sock.recv(1 << 20)
                if data and not dict(poll.poll(0)).get(fd, 0) & (select.POLLRDHUP | select.POLLHUP):
                    sock.sendall(data)
                    continue
            except OSError:
                pass
            poll.unregister(fd)
            clients.pop(fd).close()


def main() -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(5 if "short" in sys.argv else 512)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    if "loses-tail" in sys.argv:
        lose_tail(listener)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
