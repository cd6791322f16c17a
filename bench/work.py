"""What is measured, the same for every peer."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, Protocol

VOCABULARY = 40_000
"""Random prompts stay below it: ids that every copy of the weights has."""

STREAM_PROMPT = 32
STREAM_TOKENS = 64
EDITOR_PROMPT = 128
EDITOR_STEPS = 12


@dataclass(frozen=True, slots=True)
class Work:
    """A row of the table.

    Attributes:
        size: Prompt tokens, or streams.
        unit: Of the figure; of rates the larger is better, of times the smaller.
    """

    name: str
    kind: Literal["prefill", "decode", "editor"]
    size: int
    unit: Literal["tok/s", "ms"]


WORKS = (
    Work("prefill_32", "prefill", 32, "tok/s"),
    Work("prefill_128", "prefill", 128, "tok/s"),
    Work("prefill_256", "prefill", 256, "tok/s"),
    Work("decode_1", "decode", 1, "tok/s"),
    Work("decode_4", "decode", 4, "tok/s"),
    Work("decode_8", "decode", 8, "tok/s"),
    Work("editor_ttft", "editor", EDITOR_PROMPT, "ms"),
)


class Peer(Protocol):
    """An engine under measurement: each call does the work once and returns its figure."""

    def prefill(self, tokens: int) -> float:
        """Prompt tokens a second, from nothing cached to the first new token."""
        ...

    def decode(self, streams: int) -> float:
        """Tokens a second of all streams, at positions 32 to 96."""
        ...

    def editor(self, tokens: int) -> float:
        """Median milliseconds to the first token when the prompt has grown by one to three tokens."""
        ...


def prompt(tokens: int, seed: int) -> list[int]:
    """Random token ids: nothing that an earlier prompt began with."""
    rng = random.Random(seed)
    return [rng.randrange(100, VOCABULARY) for _ in range(tokens)]


def keystrokes(tokens: int, seed: int) -> list[list[int]]:
    """Prompts of one editing session: each is the last with its end retyped and one to three tokens more."""
    rng = random.Random(seed)
    text = prompt(tokens, seed)
    prompts = [text]
    for _ in range(EDITOR_STEPS):
        text = [*text[: len(text) - rng.randrange(2)], *prompt(rng.randrange(1, 4), rng.randrange(2**30))]
        prompts.append(text)
    return prompts
