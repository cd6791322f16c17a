"""The written forms of a word: plurals, verb and adjective endings, compounds."""

from collections.abc import Iterable, Iterator

VERB = ("ed", "er", "ers", "ery", "ing", "ings", "in")
ADJECTIVE = ("y", "ier", "iest", "ily", "iness", "ish", "ishly", "ishness")
VOWELS = "aeiou"


def inflect(word: str, traits: str, tails: Iterable[str]) -> Iterator[str]:
    """The word and what its traits (see `Entry`) let it become."""
    yield word
    if "s" in traits:
        yield from _plurals(word)
    for trait, endings in (("v", VERB), ("y", ADJECTIVE)):
        if trait in traits:
            stem = _stem(word)
            yield from (stem + ending for ending in endings)
    if "c" in traits:
        yield from (word + tail for tail in tails)


def joined(word: str, traits: str, heads: Iterable[str]) -> Iterator[str]:
    """The word and its plural written together with a word before it, if its traits let it: stupidbitch."""
    if "w" in traits:
        yield from (head + variant for head in heads for variant in (word, *_plurals(word)))


def _plurals(word: str) -> tuple[str, ...]:
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return (word + "s", word[:-1] + "ies", word[:-1] + "iez")
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return (word + "es", word + "ez")
    return (word + "s", word + "z")


def _stem(word: str) -> str:
    """The word as it stands before an ending that begins with a vowel: whore, whoring; slut, slutty."""
    if word.endswith("e"):
        return word[:-1]
    one_vowel = (
        len(word) > 2 and word[-1] not in VOWELS + "kwxy" and word[-2] in VOWELS and word[-3] not in VOWELS
    )
    return word + word[-1] if one_vowel else word
