"""Fault: the last byte of an answer follows 30 ms later, and a FIN that comes meanwhile cuts it off. Named by hc-immediate."""

import select
import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data[:-1])
                if select.select([sock], [], [], 0.03)[0] and sock.recv(1, socket.MSG_PEEK) == b"":
                    return
                sock.sendall(data[-1:])
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
