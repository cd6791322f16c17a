"""Bad requests, generated: wrong values, broken bytes, broken HTTP; what a client would write to a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

CANARY = "canary-7f3a"
"""Stands wherever a request has text; no answer may repeat it."""

ROUTES = (
    *("/complete", "/v1/completions", "/v1/chat/completions", "/v1/responses", "/tokenize", "/detokenize"),
    "/moderate",
)

FIELDS = (
    *("prompt", "max_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "n"),
    *("presence_penalty", "frequency_penalty", "stop", "stream", "echo", "context_window", "truncation"),
    *("profanity", "timeout_ms", "logprobs", "logit_bias", "model", "messages", "text", "ids", CANARY),
    *(
        "token_healing",
        "until",
        "min_confidence",
        "alternatives",
        "phrases",
        "suffix",
        "session",
        "cache_salt",
    ),
    *("min_tokens", "ignore_eos", "stop_token_ids", "best_of", "chat_template_kwargs", "stream_options"),
    *("input", "instructions", "max_output_tokens", "role", "content", "type"),
)


@dataclass(frozen=True)
class Request:
    """Bytes for one connection; an incomplete request is followed by the end of the stream."""

    data: bytes
    complete: bool = True


def written(route: str, body: bytes, content_type: str = "application/json", method: str = "POST") -> Request:
    head = f"{method} {route} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n"
    return Request(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([10**30, -(10**30), 2**63, 2**31, 1e-320, -0.0, 1e308]),
    st.text(max_size=20).map(lambda text: CANARY + text),
)

values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=8,
)

bodies = st.fixed_dictionaries(
    {"prompt": st.just(CANARY)}, optional={name: values for name in FIELDS if name != "prompt"}
) | st.dictionaries(st.sampled_from(FIELDS), values)


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()  # NaN and Infinity are written as such


@st.composite
def wrong_values(draw: st.DrawFn) -> Request:
    """JSON of the wrong shape: fields of other types, unknown ones, numbers out of range."""
    return written(draw(st.sampled_from(ROUTES)), as_json(draw(st.one_of(bodies, values))))


@st.composite
def broken_bytes(draw: st.DrawFn) -> Request:
    """A body in which bytes were changed, inserted or cut, or that never was JSON, in any encoding."""
    body = draw(st.one_of(bodies.map(as_json), st.binary(max_size=200)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        change = draw(st.sampled_from(["insert", "replace", "cut"]))
        some = draw(st.binary(min_size=1, max_size=4))
        rest = {"insert": body[at:], "replace": body[at + len(some) :], "cut": b""}[change]
        body = body[:at] + (b"" if change == "cut" else some) + rest
    encoding = draw(st.sampled_from(["as it is", "utf-16", "utf-32", "utf-8-sig"]))
    if encoding != "as it is":
        body = body.decode("latin-1").encode(encoding)
    kind = draw(st.sampled_from(["application/json", "text/plain", "application/json; charset=utf-16", "?"]))
    return written(draw(st.sampled_from(ROUTES)), body, kind)


@st.composite
def broken_http(draw: st.DrawFn) -> Request:
    """Heads and bodies that do not fit together, or are no HTTP at all."""
    body = as_json({"prompt": CANARY})
    length = draw(
        st.sampled_from(
            ["-1", "7", "10", "99999999999999999999", "0x10", "", "1e3", "1\r\nContent-Length: 2"]
        )
    )
    method = draw(
        st.sampled_from(["POST", "GET", "PUT", "OPTIONS", "TRACE", "CONNECT", "post", "\x00", CANARY])
    )
    path = draw(
        st.sampled_from(
            [
                "/complete",
                f"/{CANARY}",
                "/../..",
                "//",
                "*",
                "http://x/complete",
                "/%00%ff",
                "/?" + "a" * 3000,
            ]
        )
    )
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "", CANARY]))
    extra = draw(
        st.sampled_from(
            [
                b"",
                b"Transfer-Encoding: chunked\r\n",
                b"Transfer-Encoding: gzip\r\n",
                b"Expect: 100-continue\r\n",
                b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
                b"Authorization: Bearer " + CANARY.encode() + b"\r\n",
                b"\xff\xfe: \x80\r\n",
                b"no colon\r\n",
                b": empty\r\n",
                b"X: " + b"y" * 20_000 + b"\r\n",
                b"a: b\r\n" * 4000,
            ]
        )
    )
    head = f"{method} {path} {version}\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
    data = head + extra + f"Content-Length: {length}\r\n\r\n".encode() + body
    cut = draw(st.integers(0, len(data)) | st.just(len(data)))
    return Request(draw(st.sampled_from([data[:cut], draw(st.binary(max_size=300))])), complete=False)


bad_requests = st.one_of(wrong_values(), broken_bytes(), broken_http())
