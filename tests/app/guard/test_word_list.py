from pathlib import Path

import pytest

from app.guard.word_list import ListedWord, MalformedListError, read_listed_words, read_words


def written(folder: Path, text: str) -> Path:
    path = folder / "list.tsv"
    path.write_text(text, "utf-8")
    return path


def test_an_entry_is_read_with_all_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "# comment\n\nfrell\tprofanity\t2\tsv1\n")

    assert read_listed_words(path) == [ListedWord("frell", "profanity", 2, "sv1")]


def test_a_word_alone_is_profanity_of_the_highest_severity(tmp_path: Path) -> None:
    assert read_listed_words(written(tmp_path, "frell\n")) == [ListedWord("frell", "profanity", 3)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("frell\trude", ":1: category"),
        ("frell\tmild\t4", ":1: severity"),
        ("frell\tmild\tx", ":1: severity"),
        ("5", ":1: a word has at least two letters"),
        ("блин", ":1: a word has at least two letters, and all are a to z"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_number(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, line + "\n")

    with pytest.raises(MalformedListError, match=f"{path.name}{message}"):
        read_listed_words(path)


def test_a_list_that_is_not_there_or_not_utf8_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(MalformedListError, match=r"none\.tsv"):
        read_words(tmp_path / "none.tsv")
    (tmp_path / "bytes.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(MalformedListError, match=r"bytes\.tsv"):
        read_words(tmp_path / "bytes.tsv")


def test_words_may_have_accents_and_be_phrases(tmp_path: Path) -> None:
    assert read_words(written(tmp_path, "Café  au lait\n")) == ["Café au lait"]


def test_traits_say_how_a_word_may_be_written() -> None:
    plain, full = ListedWord("x", "mild", 1), ListedWord("x", "mild", 1, "inf2")

    assert not any((plain.inside, plain.name, plain.homograph, plain.spelled, plain.cut))
    assert all((full.inside, full.name, full.homograph, full.spelled, full.cut))
    assert ListedWord("x", "mild", 1, "1").spelled
    assert not ListedWord("x", "mild", 1, "1").cut
