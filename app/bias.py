"""The decode-time option: tokens that are bad words by themselves are made unlikely, or impossible."""

from __future__ import annotations

from collections.abc import Sequence

from app.completion.job import Tokenizer
from app.guard.guard import Guard
from app.guard.token_bias import banned_tokens

LogitBias = tuple[tuple[int, float], ...]
"""Pairs of token id and what is added to its logit."""

TOGETHER = 64
"""Tokens of one call: a call costs more than a token."""


class ProfanityBias:
    """Biases the tokens that a guard finds on their own, in any case and with or without a space before."""

    def __init__(self, vocabulary: Sequence[bytes], value: float) -> None:
        self.vocabulary = vocabulary
        self.value = value

    def against(self, guard: Guard) -> LogitBias:
        """The bias that belongs to a guard; takes half a second, so it is made once for each."""
        if not self.value:
            return ()
        return tuple((number, self.value) for number in sorted(banned_tokens(guard, self.vocabulary)))


def read_vocabulary(tokenizer: Tokenizer, size: int) -> list[bytes]:
    """The bytes of each token, at its id.

    A line feed between any two tells where one ends; tokens with line feeds of their own are asked for
    one by one.
    """
    line = tokenizer.tokenize("\n")
    tokens: list[bytes] = []
    for first in range(0, size, TOGETHER):
        ids = range(first, min(first + TOGETHER, size))
        text = tokenizer.detokenize([part for number in ids for part in (number, *line)])
        parts = text.split(b"\n")[:-1]
        alone = len(parts) != len(ids)
        tokens += [tokenizer.detokenize([number]) for number in ids] if alone else parts
    return tokens
