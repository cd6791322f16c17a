"""The writer's editor: asks a service for greedy suggestions over one connection, one request at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from bench.typing.suggestion import Suggestion, refusal, suggestion

REQUEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Options:
    """Fields of a request beside the prompt; what is None or empty is not sent.

    Attributes:
        max_tokens: Most tokens of a suggestion.
        min_confidence: A suggestion ends before the first word that is less certain.
        alternatives: How many other first words are asked for.
        phrases: The writer's own words and phrases.
    """

    max_tokens: int = 8
    min_confidence: float | None = None
    alternatives: int | None = None
    phrases: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """What is sent."""
        return {"temperature": 0} | {
            name: value for name, value in asdict(self).items() if value not in (None, ())
        }


PLAIN = Options()


class Client:
    """Asks a service, and remembers its answers: greedy ones do not change.

    Attributes:
        errors: How often each error was answered.
    """

    def __init__(self, http: httpx.Client, clock: Callable[[], float] = time.perf_counter) -> None:
        self._http, self._clock = http, clock
        self._known: dict[tuple[str, Options], Suggestion] = {}
        self._fields: frozenset[str] | None = None
        self.errors: Counter[str] = Counter()

    def supports(self, options: Options) -> bool:
        """Whether the service's OpenAPI document knows every field; without one, only those that all have."""
        if self._fields is None:
            self._fields = self._documented()
        return options.fields.keys() <= self._fields | PLAIN.fields.keys()

    def ask(self, prompt: str, options: Options = PLAIN) -> Suggestion:
        """The suggestion behind a prompt.

        Raises:
            httpx.HTTPError: The service cannot be reached or does not answer.
        """
        key = prompt, options
        if key not in self._known:
            found = self._known[key] = self._ask(prompt, options)
            if found.error:
                self.errors[found.error] += 1
        return self._known[key]

    def milliseconds(self, options: Options = PLAIN) -> list[float]:
        """How long each different request with these options took, in the order they were sent."""
        return [
            found.milliseconds
            for (_, asked), found in self._known.items()
            if asked == options and not found.error
        ]

    def identity(self) -> dict[str, Any]:
        """What the service says about its model; nothing where it has no such route."""
        answer = self._http.get("/model")
        return dict(answer.json()) if answer.is_success else {}

    def _ask(self, prompt: str, options: Options) -> Suggestion:
        began = self._clock()
        answer = self._http.post("/complete", json={"prompt": prompt, **options.fields})
        took = 1e3 * (self._clock() - began)
        if answer.is_success:
            return suggestion(answer.json(), took)
        return refusal(answer.status_code, answer.json())

    def _documented(self) -> frozenset[str]:
        answer = self._http.get("/openapi.json")
        if not answer.is_success:
            return frozenset()
        return frozenset(answer.json()["components"]["schemas"]["CompleteRequest"]["properties"])


def connect(url: str, key: str | None = None) -> Client:
    """A client of a service, with its API key where it wants one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    # trust_env: a proxy of the environment has no business between a client and its own machine.
    return Client(httpx.Client(base_url=url, headers=headers, timeout=REQUEST_SECONDS, trust_env=False))
