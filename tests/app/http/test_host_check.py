from __future__ import annotations

import pytest

from app.http.host_check import is_loopback
from tests.app.conftest import Serve

pytestmark = pytest.mark.anyio

OWN = [
    "localhost",
    "LOCALHOST:8000",
    "api.localhost:8000",
    "127.0.0.1:8000",
    "127.9.9.9",
    "[::1]:8000",
    "[::1]",
    "10.1.2.3:8000",  # an address, as a kubelet says it
    "service",
    "autocomplete:8000",
    "",
]
FOREIGN = [
    "attacker.example",
    "Attacker.Example:8000",
    "localhost.attacker.example",
    "127.0.0.1.attacker.example",
    "attacker.example.",
    "notlocalhost.com",
]


@pytest.mark.parametrize("host", OWN)
async def test_on_loopback_names_that_no_domain_has_are_accepted(serve: Serve, host: str) -> None:
    async with serve() as client:
        assert (await client.get("/model", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_on_loopback_the_name_of_a_domain_is_421(serve: Serve, host: str) -> None:
    async with serve() as client:
        answer = await client.get("/model", headers={"Host": host})
        openai = await client.get("/v1/models", headers={"Host": host})
        metrics = (await client.get("/metrics")).text
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "misdirected_request")
    assert openai.json()["error"]["type"] == "invalid_request_error"
    assert host not in answer.text
    assert 'autocomplete_rejected_total{reason="misdirected_request"} 2.0' in metrics


async def test_beyond_loopback_nothing_is_checked_unless_names_are_given(serve: Serve) -> None:
    async with serve(host="0.0.0.0") as client:
        assert (await client.get("/model", headers={"Host": "any.example"})).status_code == 200
    async with serve(host="0.0.0.0", allowed_hosts=("own.example",)) as client:
        assert (await client.get("/model", headers={"Host": "any.example"})).status_code == 421
        assert (await client.get("/model", headers={"Host": "10.1.2.3"})).status_code == 200


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("own.example", "OWN.example:443", 200),
        ("own.example", "api.own.example", 421),
        ("*.own.example", "api.own.example", 200),
        ("*.own.example", "a.b.own.example.", 200),
        ("*.own.example", "own.example", 421),
        ("*.own.example", "notown.example", 421),
        ("Own.Example", "own.example", 200),
        ("*", "attacker.example", 200),
    ],
)
async def test_names_that_are_given_are_accepted_too(
    serve: Serve, allowed: str, host: str, status: int
) -> None:
    async with serve(allowed_hosts=("other.example", allowed)) as client:
        assert (await client.get("/model", headers={"Host": host})).status_code == status


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("service.example", False),
    ],
)
def test_loopback_is_this_machines_alone(host: str, own: bool) -> None:
    assert is_loopback(host) is own
