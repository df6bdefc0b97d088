"""Fault: a quote of the day (RFC 865) sent in one segment with the end, which unread input makes a reset that destroys it. Named by qotd-close."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            sock.sendall(b"Who hangs up has said nothing.\r\n")
            sock.settimeout(0.01)
            sock.recv(1, socket.MSG_PEEK)  # has the client said something?
        except OSError:
            pass  # it has not, or it has gone


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
