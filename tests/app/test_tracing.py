"""OpenTelemetry traces, where a provider is set up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

SCRIPT = f"""
import asyncio, httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

from app.api import build_api
from app.limits import Limits
from app.settings import Settings
app = build_api(Settings(), Limits.of(Settings(), sequence_length=256, vocabulary_size=257))

async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        await client.get("/docs", headers={{"traceparent": "00-{TRACE}-{SPAN}-01"}})

asyncio.run(ask())
for span in exporter.get_finished_spans():
    if span.kind is trace.SpanKind.SERVER:
        print(span.name, format(span.context.trace_id, "032x"), format(span.parent.span_id, "016x"))
"""


def test_a_request_is_a_span_of_the_clients_trace() -> None:
    # A provider is set once for a process, so this has one of its own.
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert run.stdout == f"GET /docs {TRACE} {SPAN}\n", run.stderr
