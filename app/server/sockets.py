"""The sockets that the service listens on."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence

BACKLOG = 2048
"""Connections that may wait to be accepted; uvicorn's own number."""

ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of an address that this machine does not have, as ::1 where IPv6 is off."""


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """A bound socket for each address of a host; with port 0 all have the one that the first was given.

    Raises:
        OSError: No address can be had, or one is taken; says which.
    """
    sockets: list[socket.socket] = []
    refused: OSError | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            if port == 0 and sockets:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            try:
                sockets.append(_bind(family, address))
            except OSError as error:
                if error.errno not in ABSENT:
                    raise
                refused = error
        if refused is not None and not sockets:
            raise refused
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise OSError(f"{host}:{port}: cannot be listened on: {error.strerror}") from None
    return sockets


def _bind(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # one of IPv4 stands beside it where the host's name has both
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def url_of(sockets: Sequence[socket.socket]) -> str:
    """Where the first of them is reached."""
    host, port = sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
