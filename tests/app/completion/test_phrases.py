from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.completion.phrases import (
    BEGUN,
    CONTINUED,
    LONGEST_PHRASE,
    MOST_FITTING,
    MOST_KEPT,
    Fitting,
    Phrases,
    read_phrases,
    weighed,
)
from app.engine.messages import Phrase
from tests.fakes import ByteTokenizer

PHRASES = Phrases(["Ingrid Sørlie", "Ingrid", "purchase requisition", " two-point calibration ", "", "C++"])


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("ask Ingr", [Fitting(4, "id", False), Fitting(4, "id Sørlie", False)]),
        ("ask Ingrid", [Fitting(6, " Sørlie", False)]),
        ("ask Ingrid ", [Fitting(7, "Sørlie", True)]),
        ("ask Ingrid Sø", [Fitting(9, "rlie", True)]),
        ("ask Ingrid Sørlie", []),
        ("a two-po", [Fitting(6, "int calibration", True)]),
        ("Purch", [Fitting(5, "ase requisition", False)]),
        ("in C", [Fitting(1, "++", False)]),
        ("askIngr", []),
        ("ask INGR", []),
        ("", []),
        ("ask ", []),
    ],
)
def test_a_phrase_fits_where_the_end_of_the_text_begins_it(text: str, fitting: list[Fitting]) -> None:
    assert PHRASES.fitting(text) == fitting


def test_of_many_phrases_those_fit_first_of_which_most_is_typed() -> None:
    many = Phrases([*(f"new plan {number:02}" for number in range(20)), "plan of the house"])
    found = many.fitting("the new plan")
    assert len(found) == MOST_FITTING
    assert {one.typed for one in found} == {len("new plan")}


def test_a_phrase_that_is_begun_shares_a_small_weight_and_one_that_goes_on_a_larger_one() -> None:
    fitting = [Fitting(4, "a", True), Fitting(1, "b", False), Fitting(1, "c", False)]
    assert weighed(fitting, b" x", ByteTokenizer().tokenize) == (
        Phrase(tuple(b" xa"), CONTINUED),
        Phrase(tuple(b" xb"), BEGUN / 2),
        Phrase(tuple(b" xc"), BEGUN / 2),
    )


def test_a_rare_beginning_counts_as_much_as_a_whole_word() -> None:
    assert weighed([Fitting(4, "a", False)], b"x", ByteTokenizer().tokenize, rare=True) == (
        Phrase(tuple(b"xa"), CONTINUED),
    )


def test_phrases_that_go_on_alike_are_one() -> None:
    assert len(weighed([Fitting(4, "a", False), Fitting(2, "a", False)], b"x", ByteTokenizer().tokenize)) == 1


def test_where_the_piece_begins_inside_a_character_no_phrase_is_weighed() -> None:
    assert weighed([Fitting(4, "a", False)], "é".encode()[1:], ByteTokenizer().tokenize) == ()


def test_a_file_has_one_phrase_a_line(tmp_path: Path) -> None:
    file = tmp_path / "phrases.txt"
    file.write_text("\ufeffKestrel House\n\n# a comment\n  SpectraDock  \nKestrel House\n", "utf-8")
    assert read_phrases(file).known == ("Kestrel House", "SpectraDock")
    assert read_phrases(None).known == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"short\n" + b"x" * (LONGEST_PHRASE + 1), f", line 2: at most {LONGEST_PHRASE} characters"),
        (b"\n".join(b"%d" % n for n in range(MOST_KEPT + 1)), f": at most {MOST_KEPT} phrases"),
        (b"\xff", ": 'utf-8' codec"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "phrases.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"{file}{reason}")):
        read_phrases(file)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        read_phrases(tmp_path / "none.txt")
