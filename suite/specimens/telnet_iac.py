"""Fault: takes 0xff for telnet's IAC: a doubled one comes back single, and other commands vanish. Named by fid-no-decode
and fid-one-byte."""

import re
import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(
                    re.sub(rb"\xff(.)?", lambda iac: b"\xff" if iac[1] == b"\xff" else b"", data, flags=re.DOTALL)
                )
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
