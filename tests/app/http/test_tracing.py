"""OpenTelemetry traces, where a provider is set up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

SCRIPT = f"""
import asyncio, httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.middleware import Middleware

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

from app.http.api import build_api
from app.completion.limits import Limits
from app.metrics import Metrics
from app.http.middleware import Observer
from app.http.routes import routes_of
from app.settings import Settings
app = build_api(
    Settings(),
    Limits.of(Settings(), sequence_length=256, vocabulary_size=257),
    routes=routes_of(Settings()),
    middleware=[Middleware(Observer, metrics=Metrics(), paths=frozenset())],
)

async def ask(headers):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        answer = await client.get("/docs", headers=headers)
    (span,) = [span for span in exporter.get_finished_spans() if span.kind is trace.SpanKind.SERVER]
    own = format(span.context.trace_id, "032x"), format(span.context.span_id, "016x")
    parent = span.parent and format(span.parent.span_id, "016x")
    print(span.name, *own, parent, answer.headers["traceparent"])
    exporter.clear()

asyncio.run(ask({{"traceparent": "00-{TRACE}-{SPAN}-01"}}))
asyncio.run(ask({{}}))
"""


@pytest.fixture(scope="module")
def spans() -> list[list[str]]:
    """Name, trace, span, parent and the answer's traceparent: with a client's trace, and without one."""
    # A provider is set once for a process, so this has one of its own.
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert not run.returncode, run.stderr
    return [line.rsplit(" ", 4) for line in run.stdout.splitlines()]


def test_a_request_is_a_span_of_the_clients_trace(spans: list[list[str]]) -> None:
    name, trace, _, parent, _ = spans[0]
    assert (name, trace, parent) == ("GET /docs", TRACE, SPAN)


@pytest.mark.parametrize("request_number", [0, 1])
def test_an_answer_names_the_span_of_its_request(spans: list[list[str]], request_number: int) -> None:
    _, trace, span, _, told = spans[request_number]
    assert told.startswith(f"00-{trace}-{span}-")
