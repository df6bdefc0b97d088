"""Fault: of two chunks that come within 20 ms of each other, the second is answered first.
Named by ord-pipelined, ord-duplex and ord-generated.
"""

import select
import socket
import sys
import threading


def serve(sock):
    with sock:
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        held = b""
        try:
            while True:
                if held and not poll.poll(20):
                    sock.sendall(held)
                    held = b""
                data = sock.recv(4096)
                if held or not data:
                    sock.sendall(data + held)
                    held = b""
                    if not data:
                        return
                else:
                    held = data
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
