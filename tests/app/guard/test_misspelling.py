from app.guard import Guard
from app.guard.misspelling import mistyped


def test_a_word_is_mistyped_in_two_ways_and_repeated() -> None:
    assert set(mistyped("cunt", "m")) == {
        *("ucnt", "cnut", "cutn"),
        *("cant", "cent", "cint", "cont"),
        *("cuntcunt", "cuntcuntcunt"),
    }


def test_its_endings_are_mistyped_too_but_no_compounds() -> None:
    found = set(mistyped("bitch", "mscy"))

    assert {"bithces", "bicthy", "betches"} <= found
    assert not any("head" in word for word in found)


def test_a_word_without_the_trait_is_written_as_it_is() -> None:
    assert list(mistyped("cunt", "sy2")) == []


def test_what_is_another_word_or_a_name_is_none(guard: Guard) -> None:
    innocent = "butch batches duck deck cent cant shot shut slot slot2.h wink2 where pissed whore"
    found = guard.check(innocent)

    assert [innocent[span.start : span.end] for span in found.spans] == ["pissed", "whore"]
