from app.guard import Guard, banned_tokens


def test_tokens_that_are_a_listed_word_by_themselves_are_banned(guard: Guard) -> None:
    vocabulary = [
        b" fuck",
        b"shit",
        b" assess",
        b"ass",
        b" cl",
        b"it",
        b"",
        b"\xc3",
        b" the",
        b"f u",
        b" Shit",
    ]

    assert banned_tokens(guard, vocabulary) == {0, 1, 3, 10}


def test_tokens_that_only_contain_a_listed_word_are_not_banned(guard: Guard) -> None:
    assert banned_tokens(guard, [b"xfuckx", b"shit,", b"class"]) == frozenset()
