"""Fault: keeps back the last byte of whatever exceeds 1024 bytes until more comes. Named by seg-coalesced."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        held = b""
        try:
            while data := sock.recv(65536):
                data = held + data
                keep = len(data) > 1024
                data, held = (data[:-1], data[-1:]) if keep else (data, b"")
                sock.sendall(data)
            sock.sendall(held)
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
