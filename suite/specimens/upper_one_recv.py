"""Fault: of a protocol that answers a line in capitals, one that takes what one recv() returns for one line. Named by pro-split and pro-pipelined."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                line = data.partition(b"\n")[0]
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
