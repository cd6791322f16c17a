from app.guard import Guard
from app.guard.candidates import Memo
from app.guard.normalize import normalize


def found(guard: Guard, text: str) -> tuple[set[str], set[str]]:
    """The texts of the candidates that may be bad, and of the innocent ones."""
    bad, innocent = guard.lexicon.candidates(normalize(text, guard.table), {}, Memo())
    return {text[word.start : word.stop] for word in bad}, {text[word.start : word.stop] for word in innocent}


def test_a_candidate_is_what_is_written_like_a_listed_word_whatever_stands_around_it(guard: Guard) -> None:
    assert found(guard, "Dick Cheney set cum = 5") == ({"Dick", "cum"}, set())


def test_a_word_is_a_candidate_in_every_way_of_writing(guard: Guard) -> None:
    assert found(guard, "fuck f u c k fu-ck fvck f**k")[0] >= {"fuck", "f u c k", "fu-ck", "fvck", "f**k"}
    assert found(guard, "sh1t a$$")[0] == {"sh1t", "a$$"}


def test_an_innocent_word_is_a_candidate_of_its_own(guard: Guard) -> None:
    assert found(guard, "a moby dick") == ({"dick"}, {"moby dick"})


def test_ordinary_words_are_no_candidates(guard: Guard) -> None:
    assert found(guard, "The class assessed 4 passes, 5 assets & a cockpit.") == (set(), set())


def test_what_is_written_alike_is_looked_at_once(guard: Guard) -> None:
    bad, _ = guard.lexicon.candidates(normalize("an ass, an ass, ", guard.table), {}, Memo())

    assert [candidate.start for candidate in bad] == [3, 11]
    assert bad[0].written is bad[1].written
