"""A crowd in front of a running service: each request is sent at its time, whatever became of the others."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.studies.simulation import Report, percentiles
from bench.studies.traffic import Request

SETTINGS = {
    "AUTOCOMPLETE_PROFANITY": "off",
    "AUTOCOMPLETE_DRAFTING": "off",
    "AUTOCOMPLETE_LOG_LEVEL": "error",
}
"""Of a service whose steps are those of the simulation: no text is computed twice, no token is guessed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request got.

    Attributes:
        status: Of HTTP; 0 where the connection broke.
        finished: Seconds after the first moment.
        body: The parsed answer.
    """

    request: Request
    status: int
    finished: float
    body: dict[str, Any]


async def send(port: int, requests: Iterable[Request]) -> list[Answer]:
    """Send each request to this machine's port at its time; what they got, in the order of arrival."""
    began = time.perf_counter()
    tasks = []
    for request in requests:
        await asyncio.sleep(max(0.0, began + request.arrival - time.perf_counter()))
        tasks.append(asyncio.create_task(_ask(port, request, began)))
    return list(await asyncio.gather(*tasks))


def report(answers: list[Answer], seconds: float) -> Report:
    """The same figures as of a simulation; the first token's time is the service's own."""
    good = [answer.body for answer in answers if answer.status == 200]
    usages = [body["usage"] for body in good]
    prompts = sum(usage["prompt_tokens"] for usage in usages)
    return Report(
        percentiles([body["timings"]["first_token_ms"] / 1e3 for body in good]),
        1 - len(good) / max(1, len(answers)),
        sum(usage["completion_tokens"] for usage in usages)
        / max([seconds, *(answer.finished for answer in answers)]),
        sum(usage["cached_tokens"] for usage in usages) / max(1, prompts),
    )


async def _ask(port: int, request: Request, began: float) -> Answer:
    fields = {
        "prompt": request.text,
        "max_tokens": request.completion,
        "temperature": 1.0,
        "seed": request.seed,
    }
    body = json.dumps(fields).encode()
    head = (
        f"POST /complete HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Client: {request.client}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + body)
        said = await reader.read()
        writer.close()
        answered, _, rest = said.partition(b"\r\n\r\n")
        status = int(answered.split()[1])
        found = json.loads(rest) if status == 200 else {}  # a proxy's own errors are no JSON
        return Answer(request, status, time.perf_counter() - began, found)
    except (OSError, ValueError, IndexError):
        return Answer(request, 0, time.perf_counter() - began, {})
