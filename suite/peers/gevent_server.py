"""gevent's StreamServer with the recv and sendall loop of its tutorials: HOST PORT.

Expected fault: a client's reset leaves the handler as an unhandled exception and prints a traceback.
"""
# mypy: ignore-errors
# Textbook code stays as the textbooks write it, without annotations.

import sys

from gevent.server import StreamServer


def echo(sock, _address):
    while data := sock.recv(4096):
        sock.sendall(data)


server = StreamServer((sys.argv[1], int(sys.argv[2])), echo)
server.start()
print(f"listening {server.server_host}:{server.server_port}", flush=True)
server.serve_forever()
