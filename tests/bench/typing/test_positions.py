from __future__ import annotations

import pytest

from bench.typing.carets import Caret
from bench.typing.positions import Position, ask_at
from bench.typing.suggestion import Suggestion
from bench.typing.texts import Text

TEXT = Text("note", "en", "I am writing now")
CARET = Caret("mid3", 8)


def test_a_caret_is_asked_with_what_stands_before_it() -> None:
    asked: list[str] = []

    def ask(prompt: str) -> Suggestion:
        asked.append(prompt)
        return Suggestion("ting")

    found = ask_at(TEXT, CARET, ask)
    assert asked == ["I am wri"]
    assert found == Position(TEXT, CARET, "ting", Suggestion("ting"))
    assert found.right


@pytest.mark.parametrize(
    ("text", "alternatives", "among"),
    [
        ("ting", (), True),
        ("te", ("tten", "ting"), True),
        ("te", ("tten", "tes", "ting"), False),  # it would be the fourth
        ("te", ("te", "tten", "ting"), True),  # the suggestion itself counts once
        ("te", (), False),
    ],
)
def test_the_right_one_may_be_among_three(text: str, alternatives: tuple[str, ...], among: bool) -> None:
    assert Position(TEXT, CARET, "ting", Suggestion(text, alternatives=alternatives)).among is among
