"""Tokens as text: JSON has no bytes."""

from __future__ import annotations

import pytest

from app.completion.job import TopLogprob
from app.http.schemas.token_text import token_text, top_texts


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b" fox", " fox"),
        ("é".encode(), "é"),
        (b"", ""),
        (b"\xf0\x9f", r"bytes:\xf0\x9f"),
        (b" \xf0\x9f", r"bytes: \xf0\x9f"),
        (b"\x9c\n", r"bytes:\x9c\x0a"),
    ],
)
def test_a_token_that_is_no_text_is_written_by_its_bytes(data: bytes, text: str) -> None:
    assert token_text(data, "bytes:") == text
    assert token_text(data) == text.removeprefix("bytes:")


def test_of_equal_texts_the_likeliest_counts_and_parts_of_characters_are_told_apart() -> None:
    top = (
        TopLogprob(b"x", -0.5),
        TopLogprob(b"\xf0", -1.0),
        TopLogprob(b"\xe2", -1.5),
        TopLogprob(b"x", -2.0),
    )
    assert top_texts(top, "bytes:") == {"x": -0.5, r"bytes:\xf0": -1.0, r"bytes:\xe2": -1.5}
