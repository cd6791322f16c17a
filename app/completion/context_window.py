"""Which tokens of a prompt the model sees: pure functions on token ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

BLOCK = 64
"""Tokens dropped at once, or a quarter of the window where that is less."""

CHARACTERS = 1024
"""Characters dropped at once from a text that is over the character limit."""


@dataclass(frozen=True, slots=True)
class Window:
    """The kept end of a prompt.

    Attributes:
        ids: The newest tokens, at most `limit`, beginning at a character's first byte.
        limit: Most tokens that were allowed.
        dropped: Tokens cut from the beginning.
        shortened: Whether characters were cut before that.
    """

    ids: tuple[int, ...]
    limit: int
    dropped: int
    shortened: bool = False


def window_limit(sequence_length: int, reserved: int, wanted: int) -> int:
    """Most tokens of the prompt to keep, so that the reserved ones fit the sequence length behind it."""
    return min(wanted, sequence_length - reserved)


def keep_newest(
    ids: Sequence[int], limit: int, token_bytes: Callable[[int], bytes], start_id: int | None = None
) -> Window:
    """The newest tokens: whole blocks are dropped, counted from the start of the text.

    So the kept beginning stays the same while a text grows by a block, and its keys and values are found
    again. A byte-level token may begin inside a character; the cut then moves on to the next token that does
    not. When none does, the plain cut stands: at least one token is always kept.

    A model's start token stands before what is kept and counts; a chat template may have written it already.
    Where there is room for one token only, it is the newest.
    """
    if start_id is not None:
        text = ids[1:] if list(ids[:1]) == [start_id] else ids
        if limit == 1 and text:
            return keep_newest(text, limit, token_bytes)
        kept = keep_newest(text, limit - 1, token_bytes) if text else Window((), limit, 0)
        return Window(ids=(start_id, *kept.ids), limit=limit, dropped=kept.dropped)
    block = max(1, min(BLOCK, limit // 4))
    start = -(-max(0, len(ids) - limit) // block) * block
    start = max(0, min(start, len(ids) - 1))
    cut = start
    if start:
        cut = next((at for at in range(start, len(ids)) if begins_character(token_bytes(ids[at]))), start)
    return Window(ids=tuple(ids[cut:]), limit=limit, dropped=cut)


def keep_characters(text: str, limit: int) -> str:
    """The end of a text that is over the limit: it loses multiples of CHARACTERS from its start."""
    over = max(0, len(text) - limit)
    return text[min(-(-over // CHARACTERS) * CHARACTERS, len(text) - 1) :] if over else text


def begins_character(piece: bytes) -> bool:
    """Whether the bytes begin with a character's first byte in UTF-8, not with a continuation byte."""
    return not piece or piece[0] & 0xC0 != 0x80
