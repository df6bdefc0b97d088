"""Fault: told of the client's FIN, it answers 64 bytes more and closes on the rest, which resets. Named by hc-immediate."""

import select
import socket
import sys
import threading


def serve(sock):
    with sock:
        poll = select.poll()
        poll.register(sock, select.POLLIN | select.POLLRDHUP)
        try:
            while True:
                events = poll.poll()[0][1]
                data = sock.recv(64)
                sock.sendall(data)
                if events & select.POLLRDHUP or not data:
                    return
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
