from hypothesis import given
from hypothesis import strategies as st

from app.guard.letter_runs import CENSORS, LEET, SHORT, LetterRuns, alphabet, read

PLAIN = alphabet({})


def parts(letter_runs: LetterRuns) -> list[tuple[str, int, int]]:
    return list(zip(letter_runs.skeleton.decode(), letter_runs.start, letter_runs.stop, strict=True))


def test_a_reading_has_the_runs_of_equal_letters() -> None:
    assert parts(read(b"shiiit", PLAIN)) == [("s", 0, 1), ("h", 1, 2), ("i", 2, 5), ("t", 5, 6)]


def test_separators_are_left_out_and_end_a_run() -> None:
    assert parts(read(b"as s!", PLAIN)) == [("a", 0, 1), ("s", 1, 2), ("s", 3, 4)]


def test_digits_and_symbols_are_letters_of_the_alphabet_that_has_them() -> None:
    assert read(b"5h1t", PLAIN).skeleton == b"ht"
    assert read(b"5h1t", alphabet(LEET)).skeleton == b"shit"


def test_i_and_l_share_a_skeleton_but_not_a_run() -> None:
    assert parts(read(b"lil", PLAIN)) == [("i", 0, 1), ("i", 1, 2), ("i", 2, 3)]


def test_a_text_without_letters_has_no_runs() -> None:
    assert parts(read(b"", PLAIN)) == []
    assert parts(read(b" 12 ", PLAIN)) == []


@given(st.text("fu1| *", max_size=SHORT), st.sampled_from([{}, LEET, dict.fromkeys(CENSORS, "*")]))
def test_a_text_reads_alone_as_at_the_beginning_of_a_long_one(text: str, extra: dict[str, str]) -> None:
    letters = alphabet(extra)
    rest = "\n" + "zx" * SHORT
    alone, long = read(text.encode(), letters), read((text + rest).encode(), letters)
    assert parts(alone) + parts_after(len(text), rest) == parts(long)


def parts_after(offset: int, text: str) -> list[tuple[str, int, int]]:
    return [(letter, offset + at, offset + at + 1) for at, letter in enumerate(text) if letter != "\n"]
