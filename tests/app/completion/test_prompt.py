from __future__ import annotations

from app.completion.prompt import PlainPrompt
from tests.fakes import ByteTokenizer


def test_a_plain_prompt_is_one_text() -> None:
    prompt = PlainPrompt("naïve")
    assert (prompt.text, prompt.before, prompt.characters) == ("naïve", "naïve", 5)
    assert prompt.tokens(ByteTokenizer()) == list("naïve".encode())
    assert prompt.filtered(str.upper) == PlainPrompt("NAÏVE")
