"""Fault: of a protocol that answers a line in capitals, one that keeps the unfinished lines of all clients in one place. Named by pro-generated and pro-reconnect."""

import socket
import sys
import threading


REST = [b""]


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                *lines, REST[0] = (REST[0] + data).split(b"\n")
                for line in lines:
                    sock.sendall(line.upper() + b"\n")
                    if line == b"quit":
                        return
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
