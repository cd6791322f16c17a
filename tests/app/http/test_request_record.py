"""What is known about one request."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.completion.context_window import Window
from app.completion.job import Choice, Outcome, Usage
from app.completion.timings import Timings
from app.http.request_record import RequestRecord, open_record, record_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def opened(**headers: str) -> RequestRecord:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "headers": named}
    record = open_record(scope)
    assert record_of(scope) is record
    return record


def outcome(prompt: int, *reasons: Any, attempts: int = 1, queue_ms: float = 0.0) -> Outcome:
    return Outcome(
        choices=tuple(Choice(index, "text", reason, None) for index, reason in enumerate(reasons)),
        usage=Usage(prompt=prompt, completion=7, cached=2),
        window=Window(ids=(1,), limit=8, dropped=3),
        policy="mask",
        attempts=attempts,
        seed=1,
        timings=Timings(queue_ms=queue_ms, prefill_ms=2.0, decode_ms=3.0, first_token_ms=4.0),
    )


def test_a_well_formed_request_id_is_kept() -> None:
    record = opened(x_request_id="abc-1.2_3")
    assert record.request_id == "abc-1.2_3"
    assert record.headers() == [(b"x-request-id", b"abc-1.2_3")]


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "<script>", "é"])
def test_any_other_is_replaced(sent: str) -> None:
    assert re.fullmatch("[0-9a-f]{16}", opened(x_request_id=sent).request_id)
    assert opened().request_id != opened().request_id


def test_a_trace_is_carried_on_under_a_new_span() -> None:
    record = opened(traceparent=f"00-{TRACE}-{SPAN}-01")
    assert record.traceparent is not None
    version, trace, span, flags = record.traceparent.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != SPAN
    assert (b"traceparent", record.traceparent.encode()) in record.headers()


@pytest.mark.parametrize("sent", ["", "nonsense", f"01-{TRACE}-{SPAN}-01", f"00-{TRACE.upper()}-{SPAN}-01"])
def test_a_malformed_trace_is_none(sent: str) -> None:
    assert opened(traceparent=sent).traceparent is None


def test_headers_name_what_was_ignored_and_count_what_was_cut() -> None:
    record = opened(x_request_id="a")
    assert [name for name, _ in record.headers()] == [b"x-request-id"]
    record.ignored = ["store", "user"]
    record.windows = [Window((1,), 8, 0), Window((1,), 8, 3), Window((1,), 8, 4)]
    assert record.headers()[1:] == [
        (b"x-warning", b"without effect: store, user"),
        (b"x-prompt-truncated", b"7"),
    ]


def test_characters_that_were_cut_are_counted_as_no_tokens() -> None:
    record = opened(x_request_id="a")
    record.windows = [Window((1,), 8, 0, shortened=True)]
    assert record.headers()[1:] == [(b"x-prompt-truncated", b"0")]


def test_a_request_that_completed_nothing_has_no_facts() -> None:
    assert opened().facts() == {}


def test_facts_add_up_the_tokens_of_all_jobs_and_take_the_rest_from_the_last() -> None:
    record = opened()
    record.outcomes = [
        outcome(10, "stop", queue_ms=9.0),
        outcome(5, "stop", "length", attempts=2, queue_ms=1.0),
    ]
    assert record.facts() == {
        "prompt_tokens": 15,
        "completion_tokens": 14,
        "cached_tokens": 4,
        "dropped_tokens": 6,
        "finish_reason": "length",
        "attempts": 2,
        "queue_ms": 1.0,
        "prefill_ms": 2.0,
        "decode_ms": 3.0,
        "first_token_ms": 4.0,
    }
