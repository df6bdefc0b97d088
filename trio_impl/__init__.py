"""The services on Trio: a task per client. `nursery.start(serve_async, …)` inside a program, `serve` as a program."""

from trio_impl.server import serve, serve_async

__all__ = ("serve", "serve_async")
