"""Fault: from whom it accepts it reads at once, and where nothing has come it sends what came from the one before.

Named by ovl-backlog-full.
"""

import selectors
import socket
import sys


def drop(sock):
    selector.unregister(sock)
    sock.close()


def accept():
    data = b""
    while True:
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        try:
            data = sock.recv(65536)
        except BlockingIOError:
            if not data:
                continue
        except OSError:
            drop(sock)
            continue
        answer(sock, data)


def answer(sock, data):
    try:
        sock.sendall(data)
    except OSError:
        data = b""
    if not data:
        drop(sock)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
listener.setblocking(False)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            accept()
        else:
            try:
                answer(key.fileobj, key.fileobj.recv(65536))
            except OSError:
                drop(key.fileobj)
