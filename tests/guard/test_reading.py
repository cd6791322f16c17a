from app.guard.reading import LEET, Reading, alphabet, read

PLAIN = alphabet({})


def parts(reading: Reading) -> list[tuple[str, int, int]]:
    return list(zip(reading.skeleton.decode(), reading.start, reading.stop, strict=True))


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
