"""Fault: an address from which three connections were reset is taken for an attacker's: its later ones are closed
unheard. Named by rst-generated and rst-pending."""

import socket
import sys
import threading

resets = 0


def serve(sock):
    global resets
    with sock:
        try:
            while resets < 3 and (data := sock.recv(65536)):
                sock.sendall(data)
        except OSError:
            resets += 1


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
