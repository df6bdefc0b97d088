"""Fault: a daytime server (RFC 867) whose eight workers wait for their clients' FIN without a limit. Named by services-stayers."""

import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            sock.sendall(time.strftime("%A, %B %d, %Y %H:%M:%S-UTC\r\n", time.gmtime()).encode())
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass  # the client has reset


def work(listener):
    while True:
        serve(listener.accept()[0])


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    for _ in range(7):
        threading.Thread(target=work, args=(listener,), daemon=True).start()
    work(listener)


main()
