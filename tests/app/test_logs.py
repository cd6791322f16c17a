from __future__ import annotations

import json
import logging
from typing import Any

from app.logs import HumanFormatter, JsonFormatter

FACTS = {
    "request_id": "one",
    "method": "POST",
    "route": "/complete",
    "status": 200,
    "duration_ms": 12.34,
    "prompt_tokens": 4,
    "completion_tokens": 16,
    "finish_reason": "length",
}


def record(**extra: Any) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "app.access", "levelname": "INFO", "msg": "request", "created": 0.5}
    )
    made.__dict__.update(extra)
    return made


def test_for_machines_a_record_is_one_json_line() -> None:
    line = JsonFormatter().format(record(facts=FACTS))
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "info",
        "logger": "app.access",
        "event": "request",
        **FACTS,
    }


def test_a_line_break_in_a_message_does_not_break_the_line() -> None:
    assert "\n" not in JsonFormatter().format(record(msg="two\nlines"))


def test_for_people_a_request_is_short() -> None:
    line = HumanFormatter("%(message)s").format(record(facts=FACTS))
    assert line == "200 POST /complete 12.3 ms, 4+16 tokens, length [one]"


def test_for_people_an_error_is_named() -> None:
    facts = {
        "request_id": "two",
        "method": "GET",
        "route": "unmatched",
        "status": 404,
        "duration_ms": 1,
        "error": "not_found",
    }
    assert (
        HumanFormatter("%(message)s").format(record(facts=facts))
        == "404 GET unmatched 1.0 ms, not_found [two]"
    )


def test_other_records_stay_as_they_are() -> None:
    assert HumanFormatter("%(message)s").format(record(msg="hello")) == "hello"
