"""The services: one RFC, one file, sans-I/O. This table is all that a server needs to know of them."""

from dataclasses import dataclass
from importlib import import_module

from suite.errors import UsageError
from suite.session import NewSession

__all__ = ("SERVICES", "Service", "find")


@dataclass(frozen=True, slots=True)
class Service:
    """One row: a service's name (also its module's), its RFC, its assigned TCP port, and one line about it."""

    name: str
    rfc: int
    port: int
    summary: str

    def load(self) -> NewSession:
        """Return what makes a Session of this service for one new connection, with the real clock and text."""
        new_session: NewSession = import_module(f"suite.services.{self.name}").new_session
        return new_session


SERVICES: tuple[Service, ...] = (
    Service("echo", 862, 7, "sends back what it receives"),
    Service("discard", 863, 9, "throws away what it receives"),
    Service("chargen", 864, 19, "sends a rotating pattern of printable characters without end"),
    Service("qotd", 865, 17, "sends one short quotation and closes"),
    Service("daytime", 867, 13, "sends the date and time as one line and closes"),
    Service("time", 868, 37, "sends the seconds since 1900 as four bytes and closes"),
)


def find(name: str) -> Service:
    """Return the service called `name`.

    Raises:
        UsageError: there is none.
    """
    for service in SERVICES:
        if service.name == name:
            return service
    raise UsageError(f"unknown service {name!r}; choose one of {', '.join(service.name for service in SERVICES)}")
