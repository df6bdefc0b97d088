"""The standard library's socketserver.ThreadingTCPServer with a recv and sendall loop: HOST PORT.

Expected faults: a backlog of 5 (request_queue_size), so that of a burst of clients some wait for a SYN to be sent again,
1 s later; a client's reset prints a traceback; a thread for each client, with no limit.
"""
# mypy: ignore-errors
# Textbook code stays as the textbooks write it, without annotations.

import socketserver
import sys


class EchoHandler(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1024):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


with EchoServer((sys.argv[1], int(sys.argv[2])), EchoHandler) as server:
    host, port = server.server_address[:2]
    print(f"listening {host}:{port}", flush=True)
    server.serve_forever()
