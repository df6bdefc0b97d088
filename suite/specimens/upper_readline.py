"""Fault: its select loop reads whole lines: half a line of one client keeps all others waiting. Named by pro-partial-holder."""

import select
import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
clients = {}
while True:
    ready, _, _ = select.select([listener, *clients], [], [])
    for sock in ready:
        if sock is listener:
            conn, _ = listener.accept()
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            clients[conn] = b""
            continue
        try:
            data = sock.recv(65536)
            while data and not data.endswith(b"\n"):
                more = sock.recv(65536)
                if not more:
                    break
                data += more
            *lines, rest = data.split(b"\n")
            for line in lines:
                sock.sendall(line.upper() + b"\n")
                if line == b"quit":
                    raise EOFError
            if rest or not data:
                raise EOFError
        except (OSError, EOFError):
            del clients[sock]
            sock.close()
