"""Fault: every fifth connection loses the last byte of every answer. Named by con-n."""

import itertools
import socket
import sys
import threading

numbers = itertools.count(1)


def serve(sock):
    fifth = next(numbers) % 5 == 0
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data[:-1] if fifth else data)
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
