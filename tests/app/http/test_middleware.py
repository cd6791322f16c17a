"""Limits before work, request ids, keys, counts and log lines."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.http.api_keys import ApiKeys
from app.http.middleware import BodyReceiver
from app.http.request_record import open_record
from tests.app.conftest import Serve
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio


async def trickle(*chunks: bytes, pause: float = 0.0) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(pause)


# The body


@pytest.mark.parametrize("size", [65_537, 10_000_000])
async def test_a_large_body_is_413_by_its_content_length(serve: Serve, size: int) -> None:
    async with serve() as client:
        answer = await client.post("/complete", content=b"x" * size)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("declared", "status"), [("0" * 5000 + "15", 200), ("9" * 5000, 413), ("0" * 5000 + "70000", 413)]
)
async def test_a_length_of_very_many_digits_is_a_number(serve: Serve, declared: str, status: int) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": declared}
    async with serve() as client:
        answer = await client.post("/complete", content=b'{"prompt": "x"}', headers=headers)
    assert answer.status_code == status


async def test_a_key_file_that_changes_is_read_beside_the_event_loop(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text("one\n")
    threads = []
    read = ApiKeys.read

    def noted(keys: ApiKeys) -> None:
        threads.append(threading.current_thread() is threading.main_thread())
        read(keys)

    monkeypatch.setattr(ApiKeys, "read", noted)
    async with serve(api_keys_file=file) as client:
        key = {"Authorization": "Bearer one"}
        answers = await asyncio.gather(*[client.get("/model", headers=key) for _ in range(4)])
    assert [answer.status_code for answer in answers] == [200] * 4
    assert threads == [False]


async def test_a_large_body_is_413_by_its_counted_bytes(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post("/complete", content=trickle(*[b"x" * 30_000] * 3))
    assert answer.status_code == 413


async def test_a_body_of_exactly_the_limit_is_read(serve: Serve) -> None:
    body = b'{"prompt": "x"}'
    async with serve(max_body_bytes=1024) as client:
        answer = await client.post(
            "/complete", content=body.ljust(1024), headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 200


async def test_a_body_in_pieces_is_put_together(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(
            "/complete",
            content=trickle(b'{"pro', b'mpt": ', b'"x"}'),
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code == 200


async def test_a_trickled_body_is_408_at_its_deadline(serve: Serve) -> None:
    async with serve(body_timeout_seconds=0.1) as client:
        answer = await client.post("/complete", content=trickle(*[b"x"] * 20, pause=0.05))
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "request_timeout")


# Names


async def test_a_request_id_comes_back(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.get("/livez", headers={"X-Request-ID": "abc-1.2_3"})
    assert answer.headers["x-request-id"] == "abc-1.2_3"


@pytest.mark.parametrize("sent", ["a b", "x" * 65, "<script>", "a\tb", ""])
async def test_a_request_id_that_is_not_well_formed_is_replaced(serve: Serve, sent: str) -> None:
    async with serve() as client:
        answer = await client.get("/livez", headers={"X-Request-ID": sent})
    assert answer.headers["x-request-id"] != sent
    assert len(answer.headers["x-request-id"]) == 16


async def test_a_trace_is_carried_on_under_a_span_of_our_own(serve: Serve) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with serve() as client:
        answer = await client.get("/livez", headers={"traceparent": f"00-{trace}-{span}-01"})
        other = await client.get("/livez", headers={"traceparent": "nonsense"})
    version, carried, ours, flags = answer.headers["traceparent"].split("-")
    assert (version, carried, flags) == ("00", trace, "01")
    assert ours != span
    assert "traceparent" not in other.headers


# Keys

OPEN = ["/livez", "/readyz", "/health", "/autocomplete.js", "/", "/static/playground.js"]
CLOSED = [
    "/model",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/docs-assets/swagger-ui.css",
    "/static",
    "/nowhere",
]


async def test_every_route_but_probes_module_and_playground_needs_a_key(serve: Serve) -> None:
    async with serve(api_keys=("secret",)) as client:
        statuses = {path: (await client.get(path)).status_code for path in OPEN + CLOSED}
        post = await client.post("/complete", json={"prompt": "x"})
    assert statuses == dict.fromkeys(OPEN, 200) | dict.fromkeys(CLOSED, 401)
    assert (post.status_code, post.json()["error"]["code"]) == (401, "unauthorized")


async def test_a_key_is_asked_for_in_two_header_lines_as_chromium_reads_them(serve: Serve) -> None:
    async with serve(api_keys=("secret",)) as client:
        answer = await client.get("/docs")
    lines = answer.headers.get_list("www-authenticate")
    assert lines == ["Bearer", 'Basic realm="the API key is the password"']


@pytest.mark.parametrize("path", ["/static/../model", "/static/%2e%2e/model", "/static/../../errors.py"])
async def test_nothing_else_is_reached_through_the_open_files(serve: Serve, path: str) -> None:
    async with serve(api_keys=("secret",)) as client:
        answer = await client.get(httpx.URL("http://service").copy_with(raw_path=path.encode()))
    assert answer.status_code in (401, 404)


@pytest.mark.parametrize(
    "header",
    ["Bearer secret", "bearer secret", "Basic " + base64.b64encode(b"me:secret").decode(), "Bearer other"],
)
async def test_any_accepted_key_opens_as_bearer_or_as_a_browsers_password(serve: Serve, header: str) -> None:
    async with serve(api_keys=("secret", "other")) as client:
        answer = await client.get("/model", headers={"Authorization": header})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", "secret", "Basic !!!", "Basic c2VjcmV0", "Digest secret"],
)
async def test_anything_else_is_401(serve: Serve, header: str) -> None:
    async with serve(api_keys=("secret",)) as client:
        answer = await client.get("/model", headers={"Authorization": header})
    assert answer.status_code == 401
    assert "wrong" not in answer.text


async def test_an_unauthorized_body_is_not_read(serve: Serve) -> None:
    async def never() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    async with serve(api_keys=("secret",)) as client:
        answer = await client.post("/complete", content=never())
    assert answer.status_code == 401


@pytest.mark.parametrize(("switch", "without_key"), [("keyed", 401), ("open", 200), ("off", 401)])
async def test_metrics_have_their_own_switch(serve: Serve, switch: str, without_key: int) -> None:
    async with serve(api_keys=("secret",), metrics=switch) as client:
        without = await client.get("/metrics")
        with_key = await client.get("/metrics", headers={"Authorization": "Bearer secret"})
    assert without.status_code == without_key
    assert with_key.status_code == (404 if switch == "off" else 200)


async def test_a_key_file_is_read_again_when_it_changes(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("old\n")

    async with serve(api_keys_file=file) as client:

        async def status(key: str) -> int:
            return (await client.get("/model", headers={"Authorization": f"Bearer {key}"})).status_code

        assert (await status("old"), await status("new")) == (200, 401)
        file.write_text("new\n\n  another  \n")
        assert (await status("old"), await status("new"), await status("another")) == (401, 200, 200)
        file.unlink()
        assert (await status("new"), await status("old")) == (200, 401)


async def test_a_key_file_that_cannot_be_read_opens_nothing(serve: Serve, tmp_path: Path) -> None:
    async with serve(api_keys_file=tmp_path / "missing") as client:
        answer = await client.get("/model", headers={"Authorization": "Bearer "})
    assert answer.status_code == 401


# CORS


async def test_cors_is_off_by_default(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.get("/livez", headers={"Origin": "https://a.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_cors_is_for_named_origins_also_on_errors_and_without_a_key_for_preflights(
    serve: Serve,
) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with serve(cors_origins=("https://a.example",), api_keys=("secret",)) as client:
        preflight = await client.options("/complete", headers={"Origin": "https://a.example"} | asked)
        refused = await client.post("/complete", headers={"Origin": "https://a.example"})
        other = await client.get("/livez", headers={"Origin": "https://b.example"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in other.headers


STAINLESS = (
    "x-stainless-os,x-stainless-lang,x-stainless-package-version,x-stainless-arch,x-stainless-runtime,"
    "x-stainless-runtime-version,x-stainless-retry-count,x-stainless-timeout"
)
PREFLIGHTS = {
    "fetch with a key": "authorization,content-type",
    "openai in a browser": f"authorization,content-type,{STAINLESS}",
    "openai with an organization": "authorization,content-type,openai-organization,openai-project",
    "openai's stream helper": "authorization,content-type,x-stainless-helper-method",
    "Firefox": "authorization,content-type,user-agent",
    "axios and htmx": "content-type,x-requested-with,hx-request",
    "an EventSource polyfill": "authorization,cache-control,content-type,last-event-id",
    "Azure's SDK": "api-key,content-type",
}


@pytest.mark.parametrize("names", PREFLIGHTS.values(), ids=PREFLIGHTS)
async def test_a_page_of_a_named_origin_may_send_whatever_headers_its_client_adds(
    serve: Serve, names: str
) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": names,
        "Access-Control-Request-Private-Network": "true",
    }
    async with serve(cors_origins=("https://a.example",), api_keys=("secret",)) as client:
        path = "/v1/chat/completions"
        preflight = await client.options(path, headers={"Origin": "https://a.example"} | asked)
        other = await client.options(path, headers={"Origin": "https://b.example"} | asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-headers"] == names
    assert preflight.headers["access-control-allow-private-network"] == "true"
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers


async def test_a_page_of_a_named_origin_may_ask_for_heads(serve: Serve) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "HEAD"}
    async with serve(cors_origins=("https://a.example",)) as client:
        assert (await client.options("/v1/models", headers=asked)).status_code == 200


async def test_the_module_loads_without_a_key_from_origins_that_cors_names(serve: Serve) -> None:
    async with serve(cors_origins=("https://a.example",), api_keys=("secret",)) as client:
        answer = await client.get("/autocomplete.js", headers={"Origin": "https://a.example"})
        other = await client.get("/autocomplete.js", headers={"Origin": "https://b.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "access-control-allow-origin" not in other.headers


# Counts and log lines


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.facts for record in caplog.records if record.name == "app.access"]  # type: ignore[attr-defined]


async def test_each_request_is_one_log_line_without_text(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serve() as client:
        await client.post("/complete?canary=1", json={"prompt": "canary"}, headers={"X-Request-ID": "one"})
        await client.post("/complete", json={"prompt": "what the fuck"}, headers={"X-Request-ID": "two"})
        await client.get("/canary", headers={"X-Request-ID": "three"})
    one, two, three = lines(caplog)
    assert one["duration_ms"] > 0
    expected = {"request_id": "one", "method": "POST", "route": "/complete", "status": 200}
    expected |= {"prompt_tokens": 6, "completion_tokens": 25, "finish_reason": "stop", "cached_tokens": 2}
    assert {name: one[name] for name in expected} == expected
    assert (two["status"], two["error"]) == (400, "content_filter")
    assert (three["status"], three["route"]) == (404, "unmatched")
    assert "canary" not in str(lines(caplog))
    assert "fuck" not in caplog.text


async def test_requests_are_counted_by_route_and_status(serve: Serve) -> None:
    async with serve() as client:
        await client.post("/complete", json={"prompt": "x"})
        await client.post("/complete", json={})
        await client.post("/complete", content=b"x" * 70_000)
        await client.get("/some/secret/path")
        metrics = (await client.get("/metrics")).text
    for line in (
        'autocomplete_requests_total{route="/complete",status="200"} 1.0',
        'autocomplete_requests_total{route="/complete",status="422"} 1.0',
        'autocomplete_requests_total{route="/complete",status="413"} 1.0',
        'autocomplete_requests_total{route="unmatched",status="404"} 1.0',
        'autocomplete_rejected_total{reason="invalid_request"} 1.0',
        'autocomplete_rejected_total{reason="body_too_large"} 1.0',
    ):
        assert line in metrics
    assert "secret" not in metrics


async def test_a_full_server_refuses_and_says_when_to_come_back(serve: Serve) -> None:
    engine = FakeEngine(pause=0.01)
    async with serve(engine, slots=2, queue_size=2) as client:
        answers = await asyncio.gather(*[client.post("/complete", json={"prompt": "x"}) for _ in range(40)])
        after = await client.post("/complete", json={"prompt": "x"})
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 4
    assert statuses.count(429) == 36
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all(answer.json()["error"]["code"] == "overloaded" for answer in refused)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert after.status_code == 200


async def test_n_choices_take_n_permits(serve: Serve) -> None:
    async with serve(FakeEngine(pause=0.01), slots=2, queue_size=2) as client:
        answers = await asyncio.gather(
            *[client.post("/complete", json={"prompt": "x", "n": 2}) for _ in range(3)]
        )
        too_many = await client.post("/complete", json={"prompt": "x", "n": 5})
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429]
    assert (too_many.status_code, too_many.json()["error"]["field"]) == (422, "n")


async def test_a_body_that_is_too_large_leaves_nothing_for_the_garbage_collector() -> None:
    """What is in a circle keeps its body, up to the limit, until the collector comes by."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"xxxxx", "more_body": True}

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("the body is refused")

    async def refused() -> None:
        scope: Scope = {"type": "http", "path": "/complete", "headers": []}
        open_record(scope)
        await BodyReceiver(app, 4, 1.0)(scope, receive, send)

    statuses: list[int | None] = []
    await refused()
    gc.collect()
    gc.disable()
    try:
        await refused()
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert statuses == [413, None, 413, None]
