from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from bench.typing.client import PLAIN, Options, connect
from tests.bench.typing.service import REFUSED, Service, choice


def ticks() -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += 0.25


def test_a_plain_request_has_three_fields() -> None:
    service = Service(lambda _: choice("ting"))
    assert service.client().ask("wri").text == "ting"
    assert service.asked == [{"prompt": "wri", "max_tokens": 8, "temperature": 0}]


def test_an_option_is_sent_where_it_says_something() -> None:
    service = Service(lambda _: choice("ting"))
    service.client().ask("wri", Options(min_confidence=0.0, alternatives=2, phrases=("Grand Hotel",)))
    assert service.asked == [
        {
            "prompt": "wri",
            "max_tokens": 8,
            "temperature": 0,
            "min_confidence": 0.0,
            "alternatives": 2,
            "phrases": ["Grand Hotel"],
        }
    ]


def test_the_same_question_is_asked_once_and_its_time_counts_once() -> None:
    service = Service(lambda _: choice("ting"))
    clock = ticks()
    client = service.client(lambda: next(clock))
    for prompt in ("wri", "wri", "writ"):
        client.ask(prompt)
    client.ask("wri", Options(max_tokens=1))
    assert len(service.asked) == 3
    assert client.milliseconds(PLAIN) == [250.0, 250.0]


def test_errors_are_counted_by_name_and_take_no_time() -> None:
    client = Service(lambda _: REFUSED).client()
    assert client.ask("wri").error == "400 content_filter"
    client.ask("wri")
    client.ask("writ")
    assert client.errors == {"400 content_filter": 2}
    assert client.milliseconds() == []


@pytest.mark.parametrize(("fields", "supported"), [(("alternatives",), True), ((), False), (None, False)])
def test_what_a_service_does_not_document_is_not_supported(
    fields: tuple[str, ...] | None, supported: bool
) -> None:
    client = Service(lambda _: choice(""), fields).client()
    assert client.supports(Options(alternatives=2)) is supported
    assert client.supports(PLAIN)


def test_a_service_without_a_model_route_has_no_identity() -> None:
    assert Service(lambda _: choice("")).client().identity() == {}


@pytest.mark.parametrize(("key", "header"), [("secret", "Bearer secret"), (None, None)])
def test_a_key_is_sent_as_a_bearer_token(
    key: str | None, header: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[httpx.Request] = []

    def handle(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=choice("ting")[1])

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
    assert connect("http://service:1", key).ask("wri").text == "ting"
    assert [request.headers.get("Authorization") for request in asked] == [header]
