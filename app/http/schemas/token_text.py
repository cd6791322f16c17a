"""Tokens as text: JSON has no bytes, and a token may begin or end inside a character."""

from __future__ import annotations

from collections.abc import Iterable

from app.completion.job import TopLogprob


def token_text(data: bytes, mark: str = "") -> str:
    r"""A token as OpenAI writes it: its text, or behind the mark its bytes, such as \xf0\x9f."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return mark + "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in data)


def top_texts(top: Iterable[TopLogprob], mark: str = "") -> dict[str, float]:
    """The likeliest tokens by their texts; of equal texts the likeliest."""
    texts: dict[str, float] = {}
    for token in top:
        text = token_text(token.data, mark)
        texts[text] = max(token.logprob, texts.get(text, token.logprob))
    return texts
