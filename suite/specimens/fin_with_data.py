"""Fault: when the client's FIN is there already as its data is read, the last byte of the answer is wrong.
Named by hc-immediate."""

import socket
import sys
import threading


def ended(sock):
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data[:-1] + bytes([data[-1] ^ 1]) if ended(sock) else data)
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
