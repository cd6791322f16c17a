"""`python -m bench.typing.latency`: what healing costs a request, and what a key costs in a long text."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from bench.machine import describe
from bench.typing.__main__ import MODEL, console, service, write
from bench.typing.carets import IN_A_WORD, draw
from bench.typing.estimate import quantile, ratio, share
from bench.typing.report import Row, as_numbers, table
from bench.typing.texts import Text, project_texts, spread

RESULTS = Path("bench/typing/latency.json")
SEARCHES = "autocomplete_word_searches_total"
SETTLED_SECONDS = 0.3
"""After it the service's counters are those of the engine."""

FIRST_LENGTH = 500
LENGTHS = (FIRST_LENGTH, 2000, 4000, 8000)
KEYS = 24
"""Typed behind a text of each length."""

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Posts a body to `/complete` and returns the answer."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt, asked with and without healing; neither finds anything of the other in a cache.

    Attributes:
        english: Whether the text is.
        healed, unhealed: Microseconds.
        searched: Whether the first word was searched.
    """

    english: bool
    healed: int
    unhealed: int
    searched: bool


@dataclass(frozen=True, slots=True)
class Typed:
    """Keys typed behind a text.

    Attributes:
        characters: Of the text.
        first_token: Milliseconds of each key.
        cached, prompt: Tokens of all keys together.
    """

    characters: int
    first_token: tuple[float, ...]
    cached: int
    prompt: int


def compare(texts: Iterable[Text], ask: Ask, searches: Callable[[], float]) -> Iterator[Pair]:
    """Ask at one caret in a word of each text, in turns with healing first and without it first."""
    for number, text in enumerate(texts):
        caret = next((caret for caret in draw(text.body, 1, 7) if caret.place in IN_A_WORD), None)
        if caret is None:
            continue
        took, before, after = {}, 0.0, 0.0
        for healing in (True, False) if number % 2 else (False, True):
            body = {"prompt": text.body[: caret.at], "max_tokens": 8, "until": "token"}
            body |= {"token_healing": healing, "cache_salt": f"{number} {healing}"}
            before = searches() if healing else before
            began = time.perf_counter()
            ask(body)
            took[healing] = round(1e6 * (time.perf_counter() - began))
            after = searches() if healing else after
        yield Pair(text.english, took[True], took[False], after > before)


def type_behind(text: str, keys: str, ask: Ask) -> Typed:
    """Type some keys behind a text; the request before the first one fills the cache."""
    first, cached, prompt = list[float](), 0, 0
    for at in range(len(keys) + 1):
        answer = ask({"prompt": text + keys[:at], "max_tokens": 1, "until": "token"})
        if at:
            first.append(answer["timings"]["first_token_ms"])
            cached += answer["usage"]["cached_tokens"]
            prompt += answer["usage"]["prompt_tokens"]
    return Typed(len(text), tuple(first), cached, prompt)


def rows(pairs: Sequence[Pair], typed: Sequence[Typed]) -> list[Row]:
    """Ratios of times, shares and times of keys, each with its interval."""
    found = []
    for name, some in (
        ("English", [pair for pair in pairs if pair.english]),
        ("other languages", [pair for pair in pairs if not pair.english]),
        ("searched", [pair for pair in pairs if pair.searched]),
        ("not searched", [pair for pair in pairs if not pair.searched]),
    ):
        times = ratio([(pair.healed, pair.unhealed) for pair in some])
        times = times and replace(times, count=len(some))
        found.append(Row(f"healed request to unhealed one, {name}", "times", times))
    for name, english in (("English", True), ("other languages", False)):
        known = [pair.searched for pair in pairs if pair.english == english]
        found.append(Row(f"first words that are searched, {name}", "%", share(sum(known), len(known))))
    for one in typed:
        name = f"{one.characters} characters"
        found.append(Row(f"tokens of the window that are cached, {name}", "%", share(one.cached, one.prompt)))
        found.append(Row(f"first token, {name}", "ms", quantile(one.first_token, 0.5)))
    return found


def main(
    url: Annotated[str | None, typer.Option(help="Of a running service; default: start one.")] = None,
    model: Annotated[Path, typer.Option(help="Model file of a service that is started.")] = MODEL,
    threads: Annotated[int, typer.Option(help="Threads of its engine.")] = 2,
    texts: Annotated[int, typer.Option(help="How many texts are asked about.")] = 120,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure on a quiet machine, print the table and write the figures."""
    known = project_texts()
    prose = "\n\n".join(text.body for text in known if text.english)
    with service(url, model, threads) as address, httpx.Client(base_url=address, trust_env=False) as client:

        def ask(body: dict[str, Any]) -> dict[str, Any]:
            return dict(client.post("/complete", json=body, timeout=60).raise_for_status().json())

        def searches() -> float:
            time.sleep(SETTLED_SECONDS)
            lines = client.get("/metrics").raise_for_status().text.splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith(SEARCHES))

        ask({"prompt": prose[:FIRST_LENGTH], "max_tokens": 8})
        pairs = list(compare(spread(known, texts), ask, searches))
        typed = [type_behind(prose[:size], prose[size : size + KEYS], ask) for size in LENGTHS]
    found = rows(pairs, typed)
    console.print(table(found))
    base = statistics.median(typed[0].first_token)
    for one in typed[1:]:
        times = statistics.median(one.first_token) / base
        console.print(f"first token at {one.characters} characters: {times:.2f} times that at {FIRST_LENGTH}")
    write(output, {"machine": describe(), "rows": as_numbers(found)})


if __name__ == "__main__":
    typer.run(main)
