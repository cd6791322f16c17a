"""Tokens that are a bad word on their own, for a bias against them while decoding."""

from __future__ import annotations

from collections.abc import Sequence

from app.guard.guard import Guard

LogitBias = tuple[tuple[int, float], ...]
"""Pairs of token id and what is added to its logit."""

SHORTEST = 3


def banned_tokens(guard: Guard, vocabulary: Sequence[bytes]) -> frozenset[int]:
    """The ids of the tokens that are a listed word by themselves, with or without a space before it.

    `vocabulary` has the bytes of each token, at its id. Takes about a second for 50,000 tokens.
    """
    return frozenset(identity for identity, token in enumerate(vocabulary) if _is_word(guard, token))


def _is_word(guard: Guard, token: bytes) -> bool:
    word = token.removeprefix(b" ").decode("utf-8", "replace")
    if len(word) < SHORTEST or not word.isalpha():
        return False
    return any(span.start == 0 and span.end == len(word) for span in guard.check(word).spans)


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
