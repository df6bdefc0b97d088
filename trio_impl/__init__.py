"""The services on Trio: a task per client. `nursery.start(serve_async, …)` inside a program, `serve` as a program."""

from trio_impl.server import over_sockets, over_streams, serve, serve_async, serve_streams

__all__ = ("over_sockets", "over_streams", "serve", "serve_async", "serve_streams")
