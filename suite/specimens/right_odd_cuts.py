"""Right, if odd: answers in cuts of 1, 2, 3, 5, 7, 11, 13 bytes and then the rest, each a segment of its own."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while data := sock.recv(4096):
                at = 0
                for cut in (1, 2, 3, 5, 7, 11, 13, 4096):
                    sock.sendall(data[at : at + cut])
                    at += cut
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
