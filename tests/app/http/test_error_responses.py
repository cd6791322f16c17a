"""One envelope, one table: BEHAVIOUR.md section 2."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import STATUS
from tests.app.conftest import Serve
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio

CANARY = "canary-7f3a"


def body_of(depth: int) -> bytes:
    return b'{"prompt":' + b"[" * depth + b"]" * depth + b"}"


POISON: dict[str, tuple[bytes, str | None]] = {
    "empty": (b"", None),
    "not JSON": (b"prompt=" + CANARY.encode(), None),
    "a list": (b'["canary-7f3a"]', None),
    "a number": (b"7", None),
    "cut short": (b'{"prompt": "canary-7f3a', None),
    "trailing text": (b'{"prompt": "x"} canary-7f3a', None),
    "deep": (body_of(30_000), None),
    "deep but closed": (body_of(100), "prompt"),
    "invalid UTF-8": (b'{"prompt": "canary-7f3a \xff\xfe"}', None),
    "UTF-16": ('{"prompt": "canary-7f3a"}'.encode("utf-16"), None),
    "UTF-32": ('{"prompt": "canary-7f3a"}'.encode("utf-32"), None),
    "NaN": (b'{"prompt": "x", "temperature": NaN}', "temperature"),
    "Infinity": (b'{"prompt": "x", "temperature": Infinity}', "temperature"),
    "minus Infinity": (b'{"prompt": "x", "min_p": -Infinity}', "min_p"),
    "1e400": (b'{"prompt": "x", "temperature": 1e400}', "temperature"),
    "-1e400": (b'{"prompt": "x", "top_p": -1e400}', "top_p"),
    "a very long number": (b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}", None),
    "seed beyond 53 bits": (b'{"prompt": "x", "seed": 9007199254740992}', "seed"),
    "missing prompt": (b"{}", "prompt"),
    "empty prompt": (b'{"prompt": ""}', "prompt"),
    "prompt is a number": (b'{"prompt": 7}', "prompt"),
    "prompt is null": (b'{"prompt": null}', "prompt"),
    "prompt is a list": (b'{"prompt": ["canary-7f3a"]}', "prompt"),
    "unknown field": (b'{"prompt": "x", "canary-7f3a": 1}', None),
    "number as a string": (b'{"prompt": "x", "max_tokens": "7"}', "max_tokens"),
    "number as a boolean": (b'{"prompt": "x", "max_tokens": true}', "max_tokens"),
    "fraction for a count": (b'{"prompt": "x", "max_tokens": 1.5}', "max_tokens"),
    "max_tokens zero": (b'{"prompt": "x", "max_tokens": 0}', "max_tokens"),
    "max_tokens beyond the model": (b'{"prompt": "x", "max_tokens": 256}', "max_tokens"),
    "max_tokens huge": (b'{"prompt": "x", "max_tokens": 1000000000000000000000}', "max_tokens"),
    "temperature negative": (b'{"prompt": "x", "temperature": -0.1}', "temperature"),
    "temperature high": (b'{"prompt": "x", "temperature": 2.1}', "temperature"),
    "top_p negative": (b'{"prompt": "x", "top_p": -0.1}', "top_p"),
    "n zero": (b'{"prompt": "x", "n": 0}', "n"),
    "n large": (b'{"prompt": "x", "n": 9}', "n"),
    "seventeen stops": (b'{"prompt": "x", "stop": [' + b",".join([b'"a"'] * 17) + b"]}", "stop"),
    "empty stop": (b'{"prompt": "x", "stop": [""]}', "stop.0"),
    "long stop": (b'{"prompt": "x", "stop": "' + b"a" * 65 + b'"}', "stop"),
    "long prompt": (b'{"truncation": "error", "prompt": "' + b"a" * 8193 + b'"}', "prompt"),
    "window zero": (b'{"prompt": "x", "context_window": 0}', "context_window"),
    "window beyond the model": (b'{"prompt": "x", "context_window": 1000000}', "context_window"),
    "unknown truncation": (b'{"prompt": "x", "truncation": "canary-7f3a"}', "truncation"),
    "unknown policy": (b'{"prompt": "x", "profanity": "off"}', "profanity"),
    "timeout zero": (b'{"prompt": "x", "timeout_ms": 0}', "timeout_ms"),
    "timeout beyond the server's": (b'{"prompt": "x", "timeout_ms": 60001}', "timeout_ms"),
    "logprobs many": (b'{"prompt": "x", "logprobs": 6}', "logprobs"),
}


@pytest.mark.parametrize("name", POISON)
async def test_poison_is_422_with_its_field_and_without_an_echo(serve: Serve, name: str) -> None:
    body, field = POISON[name]
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await client.post("/complete", content=body, headers={"Content-Type": "application/json"})
        after = await client.post("/complete", json={"prompt": "x"})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid_request"
    assert error["field"] == field
    assert error["reason"]
    assert error["request_id"] == answer.headers["x-request-id"]
    assert CANARY not in answer.text
    assert len(answer.text) < 400
    assert after.status_code == 200


async def test_a_misspelt_field_is_answered_with_the_known_name(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post("/complete", json={"prompt": "x", "max_token": 3})
        missing = await client.post("/complete", json={"prmpt": "x"})
    assert answer.json()["error"]["message"] == "unknown field; is it max_tokens?"
    assert missing.json()["error"]["message"] == "unknown field; is it prompt?"


@pytest.mark.parametrize(
    "prompt", ["a\0b", "\0", "\u202e", "\ufeff", "e\u0301" * 50, "👩‍👩‍👧‍👦", "\U0010ffff"]
)
async def test_strange_but_valid_text_is_completed(serve: Serve, prompt: str) -> None:
    async with serve() as client:
        answer = await client.post("/complete", json={"prompt": prompt, "echo": True})
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["text"].startswith(prompt)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_must_say_that_it_is_json(serve: Serve, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    async with serve() as client:
        answer = await client.post("/complete", content=b'{"prompt": "x"}', headers=headers)
    assert answer.status_code == 422
    assert "application/json" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/complete/", 404, "not_found"),
        ("GET", "/complete", 405, "method_not_allowed"),
        ("DELETE", "/model", 405, "method_not_allowed"),
    ],
)
async def test_the_frameworks_own_errors_wear_the_envelope(
    serve: Serve, method: str, path: str, status: int, code: str
) -> None:
    async with serve() as client:
        answer = await client.request(method, path)
    assert answer.status_code == status == STATUS[code]
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


async def test_a_method_that_is_not_allowed_says_which_are(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.get("/complete")
    assert answer.headers["allow"] == "POST"


async def test_a_fault_of_ours_is_500_in_the_envelope_and_its_message_is_not_logged(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(FakeEngine):
        def generate(self, generation: Any) -> Any:
            raise ValueError(CANARY)

    async with serve(Faulty()) as client:
        answer = await client.post("/complete", json={"prompt": "x"})
        alive = await client.get("/livez")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert CANARY not in answer.text + caplog.text
    assert "ValueError" in caplog.text
    assert alive.status_code == 200


async def test_an_engine_failure_is_500_for_this_request_only(serve: Serve) -> None:
    async with serve(FakeEngine(fail_after=0)) as client:
        failed = await client.post("/complete", json={"prompt": "x"})
        after = await client.post("/complete", json={"prompt": "x"})
    assert (failed.status_code, failed.json()["error"]["code"]) == (500, "engine_failed")
    assert after.status_code == 200


@pytest.mark.parametrize("state", ["loading", "dead"])
async def test_without_an_engine_the_answer_is_503_with_retry_after(serve: Serve, state: Any) -> None:
    async with serve(FakeEngine(state=state)) as client:
        answer = await client.post("/complete", json={"prompt": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    assert int(answer.headers["retry-after"]) >= 1


async def test_the_status_table_is_the_contract() -> None:
    assert STATUS == {
        "malformed_http": 400,
        "content_filter": 400,
        "unauthorized": 401,
        "not_found": 404,
        "method_not_allowed": 405,
        "request_timeout": 408,
        "superseded": 409,
        "body_too_large": 413,
        "unsupported_media_type": 415,
        "misdirected_request": 421,
        "invalid_request": 422,
        "overloaded": 429,
        "head_too_large": 431,
        "internal_error": 500,
        "engine_failed": 500,
        "not_ready": 503,
        "deadline_exceeded": 504,
    }
