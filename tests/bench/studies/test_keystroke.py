from __future__ import annotations

import pytest

from bench.studies.keystroke import Key, right_words, rows


@pytest.mark.parametrize(
    ("suggestion", "coming", "right"),
    [
        ("ing a letter", "ing a list of", 5),
        ("ing", "ingenious", 0),
        ("ing", "ing", 3),
        (" one, two", " one; two", 4),
        ("", "ing", 0),
        ("x", "ing", 0),
    ],
)
def test_a_writer_takes_what_is_right_up_to_the_end_of_a_word(
    suggestion: str, coming: str, right: int
) -> None:
    assert right_words(suggestion, coming) == right


def test_keys_are_told_apart_by_what_the_engine_had_to_do() -> None:
    def key(first: float, *, inside: bool = True, accepted: bool = False, searched: bool = False) -> Key:
        return Key(inside, accepted, searched, 8, 1, 2, first, 2 * first, 3)

    found = rows(
        [
            key(1.0),
            key(50.0, searched=True),
            key(20.0, inside=False),
            key(30.0, inside=False, accepted=True),
        ]
    )
    medians = {name: (row["keys"], row["first_p50_ms"], row["whole_p50_ms"]) for name, row in found.items()}
    assert medians["inside a word, not searched"] == (1, 1.0, 2.0)
    assert medians["inside a word, searched"] == (1, 50.0, 100.0)
    assert medians["another prompt"] == (1, 20.0, 40.0)
    assert medians["behind a suggestion that was taken"] == (1, 30.0, 60.0)
    assert found["all"]["keys"] == 4
    assert (found["all"]["known"], found["all"]["steps"], found["all"]["rows"]) == (8, 1, 2)
    assert found["all"]["ahead"] == 3
