"""Right, if odd: holds an answer for 40 ms in case more comes, as Nagle's algorithm would; seg-pingpong tells, and fails nobody."""

import select
import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        try:
            held, more = b"", True
            while more:
                data = sock.recv(65536)
                held, more, until = held + data, bool(data), time.monotonic() + 0.04
                while more and len(held) < 65536 and poll.poll(max(0, until - time.monotonic()) * 1000):
                    data = sock.recv(65536)
                    held, more = held + data, bool(data)
                sock.sendall(held)
                held = b""
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
