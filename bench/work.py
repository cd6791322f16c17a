"""What is measured, the same for every peer."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

VOCABULARY = 40_000
"""Random prompts stay below it: ids that every copy of the weights has."""

STREAM_PROMPT = 32
STREAM_TOKENS = 64
EDITOR_PROMPT = 128
EDITOR_STEPS = 12

TEXT = Path("models/texts/quality.txt")
CHARACTERS_A_TOKEN = 4.8
"""Of the English below, by the default model's vocabulary."""

REQUESTS = 3
"""Each client of a server sends so many, one after the other."""

PASSAGE = Path("models/artifacts/passage.json")
"""Token ids of the text, written before peers start: all are asked about the same ones."""

WINDOW = 512
"""Tokens of a passage that are read from a blank cache on."""

Kind = Literal[
    "prefill", "decode", "editor", "closed", "streamed", "first", "load", "resident", "private", "perplexity"
]


@dataclass(frozen=True, slots=True)
class Work:
    """A row of the table.

    Attributes:
        kind: Name of the method that does it.
        size: Prompt tokens, streams or clients.
        unit: Of the figure; of rates the larger is better, of all else the smaller.
    """

    name: str
    kind: Kind
    size: int
    unit: Literal["tok/s", "ms", "MB", "tokens"]


WORKS = (
    Work("prefill_32", "prefill", 32, "tok/s"),
    Work("prefill_128", "prefill", 128, "tok/s"),
    Work("prefill_256", "prefill", 256, "tok/s"),
    Work("decode_1", "decode", 1, "tok/s"),
    Work("decode_4", "decode", 4, "tok/s"),
    Work("decode_8", "decode", 8, "tok/s"),
    Work("editor_ttft", "editor", EDITOR_PROMPT, "ms"),
    Work("http_1", "closed", 1, "tok/s"),
    Work("http_8", "closed", 8, "tok/s"),
    Work("http_stream_8", "streamed", 8, "tok/s"),
    Work("http_ttft", "first", 128, "ms"),
    Work("engine_load", "load", 0, "ms"),
    Work("engine_resident", "resident", 0, "MB"),
    Work("engine_private", "private", 0, "MB"),
    Work("perplexity", "perplexity", 2 * WINDOW, "tokens"),
)
"""Methods of the peers, each of which does the work once and returns its figure:

- prefill: prompt tokens a second, from nothing cached to the first new token, median of five prompts;
- decode: tokens a second of all streams, at positions 32 to 96;
- editor: median milliseconds to the first token when the prompt has grown by one to three tokens;
- closed: tokens a second of clients that each send their next request when the last is answered;
- streamed: the same with answers as event streams;
- first: median milliseconds to the first text of an idle engine, for a new prompt of so many tokens;
- load: milliseconds from the import of an engine's library to its first token, with weights packed before;
- resident, private: megabytes of the engine's process in memory, and those that no file backs;
- perplexity: of the passage's first so many tokens; it is no matter of speed, and measured once.
"""


def prompt(tokens: int, seed: int) -> list[int]:
    """Random token ids: nothing that an earlier prompt began with."""
    rng = random.Random(seed)
    return [rng.randrange(100, VOCABULARY) for _ in range(tokens)]


def text(tokens: int, seed: int) -> str:
    """English of about so many tokens: nothing that an earlier prompt began with."""
    words = TEXT.read_text().split(" ")
    begin = random.Random(seed).randrange(len(words) - tokens)
    return f"{seed} {' '.join(words[begin : begin + tokens])}"[: int(CHARACTERS_A_TOKEN * tokens)].rstrip()


def keystrokes(tokens: int, seed: int) -> list[list[int]]:
    """Prompts of one editing session: each is the last with its end retyped and one to three tokens more."""
    rng = random.Random(seed)
    typed = prompt(tokens, seed)
    prompts = [typed]
    for _ in range(EDITOR_STEPS):
        typed = [*typed[: len(typed) - rng.randrange(2)], *prompt(rng.randrange(1, 4), rng.randrange(2**30))]
        prompts.append(typed)
    return prompts


def write_passage(tokens: Sequence[int]) -> None:
    """Put the text's token ids where every peer finds them."""
    PASSAGE.write_text(json.dumps([int(token) for token in tokens]))


def passage(tokens: int) -> list[list[int]]:
    """The first so many tokens of the text, in windows."""
    ids: list[int] = json.loads(PASSAGE.read_text())[:tokens]
    return [ids[start : start + WINDOW] for start in range(0, len(ids), WINDOW)]


def negative_log_likelihood(rows: Any, tokens: Sequence[int]) -> list[float]:
    """Of each token, by the logits [V] before it."""
    return [
        float(np.logaddexp.reduce(row.astype(np.float64)) - row[token])
        for row, token in zip(rows, tokens, strict=True)
    ]


def perplexity(losses: Sequence[float]) -> float:
    """Of tokens by their negative log-likelihoods."""
    return float(np.exp(np.mean(losses)))
