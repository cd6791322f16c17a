"""Which tokens of a prompt the model sees: pure functions on token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """The kept end of a prompt.

    Attributes:
        ids: The newest tokens, at most `limit`, beginning at a character's first byte.
        limit: Most tokens that were allowed.
        dropped: Tokens cut from the beginning.
    """

    ids: tuple[int, ...]
    limit: int
    dropped: int


def window_limit(sequence_length: int, reserved: int, wanted: int) -> int:
    """Most tokens of the prompt to keep, so that the reserved ones fit the sequence length behind it."""
    return min(wanted, sequence_length - reserved)


def keep_newest(ids: Sequence[int], limit: int, token_bytes: Callable[[int], bytes]) -> Window:
    """The newest tokens, cut where a character begins.

    A byte-level token may begin inside a character; the cut then moves on to the next token that does not.
    When none does, the plain cut stands: at least one token is always kept.
    """
    start = max(0, len(ids) - limit)
    cut = start
    if start:
        cut = next((at for at in range(start, len(ids)) if begins_character(token_bytes(ids[at]))), start)
    return Window(ids=tuple(ids[cut:]), limit=limit, dropped=cut)


def begins_character(piece: bytes) -> bool:
    """Whether the bytes begin with a character's first byte in UTF-8, not with a continuation byte."""
    return not piece or piece[0] & 0xC0 != 0x80
