"""Fault: while the answer cannot be sent yet, the end of the stream wakes it again and again. Named by hc-spin."""

import select
import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
poll = select.poll()
poll.register(listener, select.POLLIN)
clients = {}
owed = {}
while True:
    for fd, events in poll.poll():
        if fd == listener.fileno():
            sock, _ = listener.accept()
            sock.setblocking(False)
            clients[sock.fileno()] = sock
            owed[sock.fileno()] = bytearray()
            poll.register(sock, select.POLLIN)
            continue
        sock, out = clients[fd], owed[fd]
        ended = False
        try:
            if len(out) < 65536:
                data = sock.recv(65536)
                ended = not data
                out += data
            if out:
                del out[: sock.send(out)]
        except BlockingIOError:
            pass
        except OSError:
            out.clear()
            ended = True
        if ended and not out:
            poll.unregister(fd)
            clients.pop(fd).close()
        else:
            room = select.POLLIN if len(out) < 65536 else 0
            poll.modify(sock, room | (select.POLLOUT if out else 0))
