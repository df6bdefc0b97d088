"""The same network services on every way of waiting for sockets, and the tool that judges them."""

__version__ = "0.1.0"
