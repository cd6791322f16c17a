"""What is known about one request: filled in while it is answered, logged and counted at its end."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry import trace
from starlette.types import Scope

from app.completion.context_window import Window
from app.completion.job import Outcome

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")


@dataclass(slots=True)
class RequestRecord:
    """One request; never its text.

    Attributes:
        request_id: The client's X-Request-ID where it is well formed, a new one otherwise.
        traceparent: W3C trace context: the request's span, where OpenTelemetry is set up; else the client's
            trace and a span that nobody records; None where there is neither.
        status: Of the answer; 0 until it starts.
        left: Whether the client was gone before the answer was complete.
        error: Code of the error that was answered.
        outcomes: What was completed, one outcome a prompt.
        windows: What was kept of the prompts, as soon as that is known.
        ignored: Fields of the request that change nothing.
    """

    request_id: str
    traceparent: str | None
    started: float
    status: int = 0
    left: bool = False
    error: str | None = None
    outcomes: Sequence[Outcome] = ()
    windows: list[Window] = field(default_factory=list)
    ignored: Sequence[str] = ()

    def facts(self) -> dict[str, object]:
        """Counts and times (milliseconds) of what was completed, for the log."""
        if not self.outcomes:
            return {}
        last = self.outcomes[-1]
        timings = last.timings
        return {
            "prompt_tokens": sum(outcome.usage.prompt for outcome in self.outcomes),
            "completion_tokens": sum(outcome.usage.completion for outcome in self.outcomes),
            "cached_tokens": sum(outcome.usage.cached for outcome in self.outcomes),
            "dropped_tokens": sum(outcome.window.dropped for outcome in self.outcomes),
            "finish_reason": last.choices[-1].finish_reason,
            "attempts": last.attempts,
            "queue_ms": timings.queue_ms,
            "prefill_ms": timings.prefill_ms,
            "decode_ms": timings.decode_ms,
            "first_token_ms": timings.first_token_ms,
        }

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What every answer carries, and what was ignored or cut."""
        headers = {"x-request-id": self.request_id}
        if self.traceparent is not None:
            headers["traceparent"] = self.traceparent
        if self.ignored:
            headers["x-warning"] = f"without effect: {', '.join(self.ignored)}"
        if any(window.dropped or window.shortened for window in self.windows):
            headers["x-prompt-truncated"] = str(sum(window.dropped for window in self.windows))
        return [(name.encode(), value.encode()) for name, value in headers.items()]


def open_record(scope: Scope) -> RequestRecord:
    """Start the record of a request and attach it to its scope."""
    request_id = traceparent = None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent" and (given := TRACEPARENT.fullmatch(value)):
            traceparent = f"00-{given[1].decode()}-{secrets.token_hex(8)}-{given[2].decode()}"
    traceparent = _current_span() or traceparent
    record = RequestRecord(request_id or secrets.token_hex(8), traceparent, time.perf_counter())
    scope["record"] = record
    return record


def _current_span() -> str | None:
    span = trace.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}" if span.is_valid else None


def record_of(scope: Scope) -> RequestRecord:
    """The record that travels with a request."""
    record: RequestRecord = scope["record"]
    return record
