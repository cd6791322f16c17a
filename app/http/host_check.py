"""The Host header, checked: no web page may reach the service by a name of its own (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import MisdirectedRequestError
from app.http.error_responses import error_response

LOOPBACK = "localhost"
"""This name and those under it never leave the machine (RFC 6761, 6.3)."""


class HostCheck:
    """Refuses requests for a name that is not this service's.

    A page that was loaded from a name of somebody else's domain, which was then pointed at this machine, says
    that name. Always accepted are what such a page cannot say: addresses, the names of loopback, and names
    without a dot, which no domain of the public DNS has.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._all = "*" in hosts
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and not self._all:
            named = [value for name, value in scope["headers"] if name == b"host"]
            if not all(self._accepts(host_of(value)) for value in named):
                await error_response(MisdirectedRequestError(), scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _accepts(self, host: str) -> bool:
        domains = _with_parents(host)
        return (
            "." not in host
            or domains[-1] == LOOPBACK
            or host in self._hosts
            or any(f"*.{domain}" in self._hosts for domain in domains[1:])
            or _is_address(host)
        )


def host_of(value: bytes) -> str:
    """The name or address in a Host header, in lower case, without port, brackets and final dot."""
    text = value.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def _with_parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[n:]) for n in range(len(labels))]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether an address or name to listen on is this machine's alone."""
    if host.lower().rstrip(".") == LOOPBACK:
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback
