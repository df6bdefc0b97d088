"""Fault: a daytime service (RFC 867) that closes without having read, which resets. Named by services-clean-end."""

import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            sock.sendall(time.ctime().encode() + b"\r\n")
            time.sleep(0.01)  # what the client has said is there by now
        except OSError:
            pass  # the client has gone


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
