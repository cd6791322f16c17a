"""Watches a service while something is done to it: what its clients saw, and when it was back."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.service_process import ServiceProcess

BODY = json.dumps({"prompt": "The quick brown fox", "max_tokens": 8, "temperature": 0})
HEADERS = {"Content-Type": "application/json"}

PATIENCE = 120.0
"""Seconds after which a client gives up: longer than anything here may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: when it was begun and answered, and the status or the name of the fault."""

    path: str
    began: float
    ended: float
    status: int | str


@dataclass
class Watch:
    """All answers of a watch; `struck` is when the fault came."""

    service: ServiceProcess
    clients: int = 3
    answers: list[Answer] = field(default_factory=list)
    struck: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def strike(self) -> None:
        """The fault comes now."""
        self.struck = time.monotonic()

    def seen(self, path: str) -> dict[int | str, int]:
        """How often a route was answered with what, by requests that were not over when the fault came."""
        found: dict[int | str, int] = {}
        for answer in self.answers:
            if answer.path == path and answer.ended >= self.struck:
                found[answer.status] = found.get(answer.status, 0) + 1
        return dict(sorted(found.items(), key=lambda item: str(item[0])))

    def back(self) -> float | None:
        """Seconds from the fault to the end of the last trouble: to the first good answer after it."""
        asked = sorted((a for a in self.answers if a.path == "/complete"), key=lambda a: a.ended)
        troubled = [a.ended for a in asked if a.status != 200 and a.ended >= self.struck]
        since = max(troubled, default=self.struck)
        good = [a.ended for a in asked if a.status == 200 and a.began >= self.struck and a.ended >= since]
        return min(good) - self.struck if good else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Ask in threads for the length of the block, and one second after it."""
        asks = [("POST", "/complete", BODY)] * self.clients + [("GET", "/livez", ""), ("GET", "/readyz", "")]
        threads = [threading.Thread(target=self._ask, args=ask) for ask in asks]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.5)
            yield
            time.sleep(1.0)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ask(self, method: str, path: str, body: str) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            connection = http.client.HTTPConnection(*self.service.address, timeout=PATIENCE)
            status: int | str
            try:
                connection.request(method, path, body or None, HEADERS)
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
            finally:
                connection.close()
            self.answers.append(Answer(path, began, time.monotonic(), status))
            time.sleep(0.02)
