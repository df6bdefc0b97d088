"""Fault: waits until everything is acknowledged, then ends every connection by RST. Named by hc-clean-end
and rst-not-by-server."""

import fcntl
import socket
import struct
import sys
import termios
import threading
import time


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
            while struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]:
                time.sleep(0.001)
        except OSError:
            pass  # the client has reset
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
