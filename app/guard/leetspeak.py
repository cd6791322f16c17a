"""Symbols for letters: sh1t is a word, 455 a number, f**k a word with letters hidden.

Like `rules` this looks at nothing but the occurrence itself.
"""

import re

from app.guard.occurrence import Occurrence
from app.guard.variants import HIDDEN, SHORTEST, VOWELS, Variant

SHORT, LONG = 4, 5
LEET_SEEN = re.compile(r"[0-9@$|+!(](?:(?<![!(])|(?<=[a-z].)[a-z0-9@$+!(]|(?<=[ .\-_*].)[ .\-_*])")
"""What is somewhere in a word with digits or symbols for letters; ! and ( count between letters only."""

PUNCTUATION = "!|("
"""Symbols that at the end of a word are no letter, and with + none at its beginning."""

LESS, MORE = 1, 2
"""So many symbols less or more than letters may hide them."""

EXCITED = "?!-~"
"""What may follow stars at the end of a word: f**?!"""


def is_leet(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether digits and symbols stand for letters here (█h1█), and are no number, price or punctuation.

    Where there are none at all, the plain letter runs tell.

    | word | digits and symbols | example |
    | --- | --- | --- |
    | of any length | nothing but @ and $ | @$$ |
    | short | a digit at its end: more digits than letters, no capitals, a word that leaves no doubt | f46 |
    | short | else: two letters or symbols alone, no capitals with a digit, no + at its end | a$$, 4ss |
    | longer | fewer digits than letters | s█1t |
    | longer | as many: a word that leaves no doubt, without capitals | 5h1t |
    | longer | any: one that leaves no doubt even cut in two, without capitals | 5h17 |
    """
    body = occurrence.body
    if body.isalpha() or not LEET_SEEN.search(occurrence.text):
        return False
    if body[0] in PUNCTUATION + "+" or body[-1] in PUNCTUATION:
        return False
    digits, letters = sum(map(str.isdigit, body)), sum(map(str.isalpha, body))
    if not letters:
        return body.startswith("@$$") and set(body) == {"@", "$"}
    written = occurrence.written
    small = written.lower() == written
    if variant.size >= SHORT:
        return (
            digits < letters
            or (variant.cut and (small or digits == letters))
            or (digits == letters and variant.spelled and small)
        )
    if body[-1].isdigit():
        return variant.spelled and small and digits > letters
    return body[-1] != "+" and (not digits or (letters > 1 and written.upper() != written))


def is_censored(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether symbols hide the letters that the variant hides: f*ck, s**t, f--k, f**."""
    counts, size = occurrence.counts, len(variant.hidden)
    if not size - LESS <= counts[variant.hidden_run] <= size + MORE:
        return False
    for run, letter in enumerate(variant.letters):
        if letter != HIDDEN:
            if counts[run] < variant.counts[run]:
                return False
        elif not _hides(variant, occurrence.run(run), size):
            return False
    if variant.letters.endswith(HIDDEN):
        stars = occurrence.text[len(variant.letters) - 1 :].rstrip(EXCITED)
        return stars == HIDDEN * size
    return True


def _hides(variant: Variant, run: str, size: int) -> bool:
    """Whether a run of symbols may stand for so many letters."""
    if len(run) == 1:
        if size > 1:
            return False
        is_product = run == HIDDEN and variant.hidden not in VOWELS and variant.letters[1] == HIDDEN
        return not (is_product and variant.size < LONG)
    if not size - LESS <= len(run) <= size + MORE:
        return False
    kinds = set(run)
    if "-" in kinds:
        return len(run) == size and len(kinds) == 1
    if len(kinds) > 1 and len(run) == size:
        return True
    return kinds in ({"*"}, {"#"}) or (variant.listed is not None and variant.listed.word == SHORTEST)
