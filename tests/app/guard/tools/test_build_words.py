from app.guard.loader import CURATED, STOCK
from app.guard.tools.build_words import DROPPED, THEIRS, rows
from app.guard.word_list import lines, read_words


def test_the_words_taken_over_are_what_the_builder_makes_of_its_sources() -> None:
    assert STOCK.read_text("utf-8").splitlines() == rows()


def test_no_word_is_both_curated_and_off() -> None:
    curated = {line.split("\t")[0] for _, line in lines(CURATED) if line.split("\t")[2] != "1"}
    off = {line.split("\t")[0] for _, line in lines(DROPPED)}

    assert curated & off == set()


def test_what_is_off_is_a_word_of_better_profanity() -> None:
    assert {line.split("\t")[0] for _, line in lines(DROPPED)} <= set(read_words(THEIRS)) | {"LEN"}
