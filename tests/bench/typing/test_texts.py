from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bench.typing.texts import FOLDER, NAMES, Text, project_texts, read_phrases, read_texts, spread


def test_a_file_has_one_text_a_line_and_bars_and_line_feeds_may_be_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("# comment\n\nchat|en|hello | there\ncode|de|a\\nb\n", encoding="utf-8")
    assert read_texts(path) == [Text("chat", "en", "hello | there"), Text("code", "de", "a\nb")]


def test_a_line_without_three_fields_is_named(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("# comment\nchat|en\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"texts\.txt, line 2: expected kind\|language\|text"):
        read_texts(path)


def test_the_project_has_150_english_texts_of_its_own_and_ten_in_each_of_four_languages() -> None:
    english = read_texts(FOLDER / "english.txt")
    others = read_texts(FOLDER / "other_languages.txt")
    assert len(english) >= 150
    assert {text.language for text in english} == {"en"}
    assert Counter(text.language for text in others) == {"de": 10, "es": 10, "fr": 10, "it": 10}
    assert all(150 <= len(text.body) <= 500 for text in english + others)


def test_no_text_occurs_twice() -> None:
    bodies = [text.body for text in project_texts()]
    assert len(set(bodies)) == len(bodies)


def test_each_phrase_occurs_in_the_texts_with_names_and_each_of_these_has_phrases() -> None:
    phrases = read_phrases()
    named = [text for text in project_texts() if text.kind == NAMES]
    assert [phrase for phrase in phrases if not any(phrase in text.body for text in named)] == []
    assert [text for text in named if sum(phrase in text.body for phrase in phrases) < 2] == []


def test_some_texts_are_evenly_spread_and_both_english_and_others_have_their_share() -> None:
    texts = [Text("note", "en", str(number)) for number in range(8)]
    others = [Text("note", "fr", str(number)) for number in range(2)]
    assert [text.body for text in spread([*others, *texts], 5)] == ["0", "2", "4", "6", "0"]
    assert spread(texts, 99) == texts
    assert spread([], 3) == []
