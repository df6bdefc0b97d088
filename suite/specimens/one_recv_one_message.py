"""Fault: takes what one recv() of 64 bytes brings for a message, and answers it 10 ms later from one variable, which
the next recv() overwrites. Named by seg-split and seg-byte-by-byte.
"""

import select
import socket
import sys
import threading


def serve(sock):
    with sock:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        pending = b""
        try:
            while True:
                if pending and not poll.poll(10):
                    sock.sendall(pending)
                    pending = b""
                data = sock.recv(64)
                if not data:
                    sock.sendall(pending)
                    return
                pending = data
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
