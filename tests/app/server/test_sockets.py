from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

import pytest

from app.server import sockets
from app.server.sockets import bind_sockets, url_of

Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]]


def resolved(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """A host's name stands for these addresses."""

    def getaddrinfo(host: str, port: int, **_: object) -> Found:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_an_address_of_ipv4_is_one_socket() -> None:
    with ExitStack() as stack:
        bound = [stack.enter_context(each) for each in bind_sockets("127.0.0.1", 0)]
        (port,) = [each.getsockname()[1] for each in bound]
        assert url_of(bound) == f"http://127.0.0.1:{port}"
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_an_address_of_ipv6_is_one_socket_and_is_written_in_brackets() -> None:
    with ExitStack() as stack:
        bound = [stack.enter_context(each) for each in bind_sockets("::1", 0)]
        (port,) = [each.getsockname()[1] for each in bound]
        assert url_of(bound) == f"http://[::1]:{port}"
        with socket.create_connection(("::1", port)):
            pass


def test_all_addresses_of_a_name_have_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved(monkeypatch, "127.0.0.1", "::1", "127.0.0.1")
    with ExitStack() as stack:
        bound = [stack.enter_context(each) for each in bind_sockets("localhost", 0)]
        assert [each.getsockname()[0] for each in bound] == ["127.0.0.1", "::1"]
        assert len({each.getsockname()[1] for each in bound}) == 1


def test_an_address_that_the_machine_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved(monkeypatch, "2001:db8::1", "127.0.0.1")
    with ExitStack() as stack:
        bound = [stack.enter_context(each) for each in bind_sockets("localhost", 0)]
        assert [each.getsockname()[0] for each in bound] == ["127.0.0.1"]


def test_without_any_address_it_is_an_error_that_says_which() -> None:
    with pytest.raises(
        OSError, match=r"^192\.0\.2\.1:80: cannot be listened on: Cannot assign requested address$"
    ):
        bind_sockets("192.0.2.1", 80)


def test_a_name_that_nobody_knows_is_an_error_that_says_which() -> None:
    with pytest.raises(OSError, match=r"^no\.invalid:80: cannot be listened on: .*[Nn]ame"):
        bind_sockets("no.invalid", 80)


def test_a_taken_address_is_an_error_and_the_others_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved(monkeypatch, "::1", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"^localhost:{port}: cannot be listened on: Address already in"):
            bind_sockets("localhost", port)
        with socket.socket(socket.AF_INET6) as again:
            again.bind(("::1", port))
    assert errno.EADDRNOTAVAIL in sockets.ABSENT
