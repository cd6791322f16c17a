"""Many clients at once: more than fit; who obey Retry-After, who leave, who are inside at the end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import statistics
import struct
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.chaos.watch import PATIENCE
from tests.service_process import ServiceProcess, wait_until

HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its status, its Retry-After where there was one, and how long it took."""

    status: int
    retry_after: int
    seconds: float


def ask(service: ServiceProcess, seconds: float = 900, **fields: object) -> Asked:
    """One completion on a connection of its own."""
    body = json.dumps({"prompt": "Once upon a time", "max_tokens": 8} | fields)
    connection = http.client.HTTPConnection(*service.address, timeout=seconds)
    began = time.perf_counter()
    try:
        connection.request("POST", "/complete", body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        took = time.perf_counter() - began
        return Asked(answer.status, int(answer.headers.get("Retry-After", 0)), took)
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Burst:
    """What a burst was answered with, and how those fared who came back when they were told to."""

    first: Counter[int]
    returned: Counter[int]

    @property
    def obeyed(self) -> float:
        """Share of those who obeyed that were then served."""
        return self.returned[200] / max(1, self.returned.total())


def burst(service: ServiceProcess, count: int, tokens: int) -> Burst:
    """So many at once; each that is refused comes back once, after exactly the seconds it was told."""
    first: Counter[int] = Counter()
    returned: Counter[int] = Counter()
    together = threading.Barrier(count)

    def client(number: int) -> None:
        together.wait()
        asked = ask(service, max_tokens=tokens, seed=number)
        first[asked.status] += 1
        if asked.status == 429:
            time.sleep(asked.retry_after)
            returned[ask(service, max_tokens=tokens, seed=number).status] += 1

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(client, number) for number in range(count)]:
            done.result()
    return Burst(first, returned)


class Stream:
    """A client that reads a stream and may leave it."""

    def __init__(self, service: ServiceProcess, **fields: object) -> None:
        body = json.dumps({"prompt": "Once upon a time", "stream": True} | fields).encode()
        self.connection = socket.create_connection(service.address, timeout=60)
        head = b"POST /complete HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self.connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def read(self) -> bytes:
        return self.connection.recv(4096)

    def leave(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def refusals(service: ServiceProcess, capacity: int, slots: int, count: int = 100) -> list[float]:
    """Seconds in which a full server refuses, one request after the other."""
    inside = [Stream(service, max_tokens=200, temperature=1.5, seed=number) for number in range(capacity)]
    wait_until(lambda: service.metric("num_sequences_admitted") == capacity, PATIENCE)
    seconds: list[float] = []
    while len(seconds) < count:
        asked = ask(service)
        if asked.status == 429:
            seconds.append(asked.seconds)
        else:  # one has finished: the place is taken again
            inside.append(Stream(service, max_tokens=200, temperature=1.5))
    for stream in inside:
        stream.leave()
    wait_until(lambda: service.metric("num_sequences_admitted") == 0, PATIENCE)
    return seconds


@dataclass(frozen=True, slots=True)
class Departure:
    """Clients that left in the middle: until when slots were busy, and what was generated for nobody."""

    clients: int
    freed_seconds: float
    step_seconds: float
    tokens_after: float


def departure(service: ServiceProcess, clients: int = 20) -> Departure:
    """Clients that are reading leave at the same moment."""
    streams = [Stream(service, max_tokens=200, temperature=1.5, seed=number) for number in range(clients)]
    for stream in streams[:8]:
        stream.read()
    wait_until(lambda: service.metric("num_sequences_admitted") == clients, PATIENCE)
    before = service.metric("decode_tokens_total")
    began = time.monotonic()
    time.sleep(0.5)
    tokens = service.metric("decode_tokens_total")
    step = (time.monotonic() - began) / max(1.0, (tokens - before) / 8)
    told = service.metric("decode_tokens_total")
    left = time.monotonic()
    for stream in streams:
        stream.leave()
    wait_until(lambda: service.metric("slots_busy|num_requests_waiting") == 0, PATIENCE)
    freed = time.monotonic() - left
    time.sleep(1.0)
    return Departure(clients, freed, step, service.metric("decode_tokens_total") - told)


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of those inside at SIGTERM, how long the process took and its exit status."""

    statuses: Counter[int]
    seconds: float
    status: int


def ending(service: ServiceProcess, inside: int = 8, tokens: int = 60) -> Ending:
    """SIGTERM while some requests are running."""
    with ThreadPoolExecutor(inside) as pool:
        asked = [pool.submit(ask, service, max_tokens=tokens, seed=n) for n in range(inside)]
        wait_until(lambda: service.metric("num_sequences_admitted") == inside, PATIENCE)
        os.kill(service.process.pid, signal.SIGTERM)
        began = time.monotonic()
        status = service.process.wait(60)
        seconds = time.monotonic() - began
        return Ending(Counter(done.result().status for done in asked), seconds, status)


def median_ms(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000
