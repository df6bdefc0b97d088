"""Fault: once any client has half-closed, the next connection's answers lose their last byte. Named by hc-immediate."""

import socket
import sys
import threading

half_closed = False


def serve(sock):
    global half_closed
    cursed, half_closed = half_closed, False
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data[:-1] if cursed else data)
            half_closed = True
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
