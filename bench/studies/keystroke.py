"""`python -m bench.studies.keystroke`: what a key costs the engine, from its receipt to its first token.

A text is typed to the scheduler of one process, as the engine's process runs it: what the HTTP process and
the socket pair add is left out. With `--ahead N` the engine computes N more tokens of each suggestion before
the next key comes, and with `--accept` the writer takes what is right of a suggestion: so it shows what work
ahead brings.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.completion.healing import Healer
from app.engine.messages import Generation, Tokens
from app.engine.worker.offline import offline_config
from app.engine.worker.process import open_scheduler
from app.model.manifest import read_manifest
from app.model.pieces import control_ids, read_vocabulary_of
from app.model.tokenizer import open_text_model
from bench.machine import Neighbours, describe
from bench.session.__main__ import prose
from bench.typing.estimate import quantile

RESULTS = Path("bench/studies/keystroke.json")
TOKENS = 8

LEAST = 3
"""Characters of a suggestion that are worth a key of their own."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        inside: Whether the key before it had the same prompt: it is inside a word, or behind one.
        accepted: Whether it comes behind a suggestion that was taken.
        searched: Whether the first word was searched.
        known: Tokens that were answered without any computation.
        steps, rows: Calls that computed new tokens, and those tokens.
        first, whole: Milliseconds to the first token, and to the last.
        ahead: Calls afterwards that computed tokens which nobody has asked for.
    """

    inside: bool
    accepted: bool
    searched: bool
    known: int
    steps: int
    rows: int
    first: float
    whole: float
    ahead: int


class Typewriter:
    """Types at an engine of its own."""

    def __init__(self, model: Path, threads: int, ahead: int) -> None:
        manifest = read_manifest(model)
        self.vocabulary = read_vocabulary_of(model, manifest.vocabulary_size, control_ids(manifest))
        self._tokenizer = open_text_model(model, model.parent / "text_ops", "litert")
        self._healer = Healer(self.vocabulary, self._tokenizer, manifest)
        self._ends = manifest.end_ids
        self._ahead = ahead
        self._last: tuple[int, ...] | None = None
        self._number = 0
        config = offline_config(model, manifest, runtime="litert", threads=threads, cache_bytes=120 * 2**20)
        self._scheduler = open_scheduler(config)

    def press(self, typed: str, *, accepted: bool) -> tuple[Key, str]:
        """Ask behind all that is typed; what it took, and the suggestion."""
        healed = self._healer.split(typed)
        prompt = (*self._tokenizer.tokenize(healed.before), *healed.ids) or self._ends[:1]
        before = self._scheduler.stats
        ids, first, whole = self._run(Generation(prompt, TOKENS, stop_ids=self._ends, typed=healed.typed))
        after = self._scheduler.stats
        if self._ahead:
            self._run(Generation((*prompt, *ids), self._ahead, stop_ids=self._ends))
        ahead = self._scheduler.stats.decode_steps - after.decode_steps
        searched, known = after.searches > before.searches, after.known_tokens - before.known_tokens
        steps, rows = after.decode_steps - before.decode_steps, after.decode_rows - before.decode_rows
        key = Key(prompt == self._last, accepted, searched, known, steps, rows, first, whole, ahead)
        self._last = prompt
        text = b"".join(self.vocabulary.pieces[token] for token in ids)[len(healed.typed) :]
        return key, text.decode(errors="ignore")

    def _run(self, generation: Generation) -> tuple[list[int], float, float]:
        """Its tokens, and milliseconds to the first and to the last."""
        self._number += 1
        ids, first, began = list[int](), 0.0, time.perf_counter()
        self._scheduler.submit(self._number, generation)
        while self._scheduler.busy:
            said = [m for m in self._scheduler.step() if isinstance(m, Tokens)]
            if said and not ids:
                first = time.perf_counter() - began
            ids += [token for message in said for token in message.ids]
        whole = time.perf_counter() - began
        return ids, 1e3 * (first or whole), 1e3 * whole


def type_keys(writer: Typewriter, text: str, *, accept: bool) -> Iterator[Key]:
    """Type a text from its first letter on."""
    at, accepted = 1, False
    while at <= len(text):
        key, suggestion = writer.press(text[:at], accepted=accepted)
        yield key
        right = right_words(suggestion, text[at:]) if accept else 0
        accepted = right >= LEAST
        at += right if accepted else 1


def right_words(suggestion: str, coming: str) -> int:
    """Characters of a suggestion that are what comes, up to the end of a word."""
    right = next(
        (n for n, (a, b) in enumerate(zip(suggestion, coming, strict=False)) if a != b), len(suggestion)
    )
    ends = [n for n in range(right + 1) if coming[n - 1 : n].isalpha() and not coming[n : n + 1].isalpha()]
    return max(ends, default=0)


def rows(keys: Sequence[Key]) -> dict[str, dict[str, Any]]:
    """Medians and 95th percentiles by what the engine had to do."""
    kinds = {
        "inside a word, not searched": [k for k in keys if k.inside and not k.searched],
        "inside a word, searched": [k for k in keys if k.inside and k.searched],
        "behind a suggestion that was taken": [k for k in keys if k.accepted],
        "another prompt": [k for k in keys if not k.inside and not k.accepted],
        "all": list(keys),
    }
    found = {}
    for name, some in kinds.items():
        figures: dict[str, Any] = {"keys": len(some)}
        for part in ("known", "steps", "rows", "ahead"):
            figures[part] = sum(getattr(k, part) for k in some) / max(1, len(some))
        for part in ("first", "whole"):
            for level in (0.5, 0.95):
                estimate = quantile([getattr(k, part) for k in some], level)
                figures[f"{part}_p{round(100 * level)}_ms"] = estimate and estimate.value
        found[name] = figures
    return found


def main(
    model: Annotated[Path, typer.Option(help="The model file.")] = Path(
        "models/artifacts/autocomplete.tflite"
    ),
    threads: Annotated[int, typer.Option(help="Of the runtime.")] = 2,
    characters: Annotated[int, typer.Option(help="Of the text.")] = 1000,
    ahead: Annotated[int, typer.Option(help="Tokens that are computed before they are asked for.")] = 0,
    accept: Annotated[bool, typer.Option(help="Whether the writer takes right words.")] = False,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure, print the table and write the figures."""
    neighbours = Neighbours()
    keys = list(type_keys(Typewriter(model, threads, ahead), prose(characters), accept=accept))
    found, usage = rows(keys), neighbours.usage()
    about = {
        "machine": describe(),
        "threads": threads,
        "ahead": ahead,
        "accept": accept,
        "neighbours": asdict(usage),
    }
    output.write_text(json.dumps(about | {"rows": found}, indent=2) + "\n")
    names = list(next(iter(found.values())))
    table = Table("keys", *names)
    for name, row in found.items():
        table.add_row(name, *("–" if row[n] is None else f"{row[n]:.2f}" for n in names))
    console = Console(width=140)
    console.print(table)
    console.print(f"others used {usage.others:.2f} cores, {usage.steal:.2f} were stolen")


if __name__ == "__main__":
    typer.run(main)
