"""What people type for a word: two neighbours in the wrong order, another vowel, the word again and again."""

from collections.abc import Iterator

from app.guard.inflection import VOWELS, inflect

MOST_TIMES = 3


def mistyped(word: str, traits: str) -> Iterator[str]:
    """What is typed for a word and its endings, if its traits let it: bicth, bytches, shitshit.

    Some are other words (butch, cent) or names: `data/alike.txt` has those.
    """
    if "m" in traits:
        yield from (word * times for times in range(2, MOST_TIMES + 1))
        for form in inflect(word, traits.replace("c", ""), ()):
            if not form.endswith("z"):  # written 2 as well: slot2
                yield from _misspelled(form)


def _misspelled(word: str) -> Iterator[str]:
    """The word with two neighbouring letters exchanged, and with one vowel that is another."""
    for at in range(len(word) - 1):
        if word[at] != word[at + 1]:
            yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    for at, letter in enumerate(word):
        if letter in VOWELS:
            yield from (word[:at] + vowel + word[at + 1 :] for vowel in VOWELS if vowel != letter)
