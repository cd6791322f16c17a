from __future__ import annotations

import numpy as np
import pytest

from models.checkpoint.pattern import Ahead, Choice, Members, Repeated, parse


def characters(members: Members) -> str:
    return "".join(map(chr, np.flatnonzero(members[:0x180]).tolist()))


def only(pattern: str) -> Repeated:
    match parse(pattern).sequences:
        case ((Repeated() as node,),):
            return node
    raise AssertionError(pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[a-cx]", "abcx"),
        (r"[\r\n]", "\n\r"),
        (r"[!\-\]]", "!-]"),
        ("(?i:S)+", "Ss\u017f"),
        (r"\x{61}", "a"),
        (r"\x61", "a"),
        (r"\d", "0123456789"),
        ("[a-z&&[^b-y]]", "az"),
        (r"\$", "$"),
        ("[ab-]", "-ab"),
        ("[a[bc]]", "abc"),
    ],
)
def test_classes(pattern: str, expected: str) -> None:
    assert characters(only(pattern).members) == expected


def test_properties_are_unicodes() -> None:
    letters = only(r"\p{L}").members
    assert letters[ord("é")]
    assert letters[0x4E00]
    assert not letters[ord("1")]
    assert not only(r"[^\s\p{L}]").members[[0x20, 0x3000, ord("a")]].any()
    assert only(r"\p{Han}").members[[0x4E00, 0x3005]].all()
    assert not only(r"\P{Lu}").members[ord("A")]


@pytest.mark.parametrize(
    ("pattern", "bounds"),
    [("a", (1, 1, False)), ("a?", (0, 1, False)), ("a{1,3}", (1, 3, False)), ("a{2}", (2, 2, False)),
     ("a++", (1, 2**30, True)), ("a*", (0, 2**30, False)), ("(?:a)+", (1, 2**30, False))],
)  # fmt: skip
def test_quantifiers(pattern: str, bounds: tuple[int, int, bool]) -> None:
    node = only(pattern)
    assert (node.least, node.most, node.keeps) == bounds


def test_alternatives_with_one_beginning_are_factored() -> None:
    match parse("'s|'t|'re").sequences:
        case ((Repeated() as quote, Choice(((Repeated() as single,), (Repeated(), Repeated())))),):
            assert (characters(quote.members), characters(single.members)) == ("'", "st")
        case found:
            raise AssertionError(found)


def test_an_optional_group_may_be_left_out() -> None:
    match parse("a(?i:b|cd)?").sequences:
        case ((Repeated(), Choice(((Repeated(),), (Repeated(), Repeated()), ()))),):
            pass
        case found:
            raise AssertionError(found)


def test_lookahead_is_at_one_character() -> None:
    match parse(r"\s+(?!\S)|a$").sequences:
        case ((Repeated(), Ahead(negative=True)), (Repeated(), Ahead(negative=True))):
            pass
        case found:
            raise AssertionError(found)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a+?", "has a lazy quantifier"),
        ("(ab)+", "looks at or repeats more than one character"),
        ("(?=ab)", "looks at or repeats more than one character"),
        ("(a", "has a group that does not end"),
        ("a)", "is not understood"),
        (r"\b", "is not understood"),
        (r"\p{Greek}", "is not understood"),
        (r"\pL", "has a class without a name"),
        ("[a", "ends too early"),
    ],
)
def test_what_is_not_understood_is_named(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(pattern)
