"""Symbols for letters: sh1t is a word, 455 a number, f**k a word with letters hidden."""

import re

from app.guard.occurrence import BEHIND, Occurrence, is_letter
from app.guard.variants import HIDDEN, SHORTEST, VOWELS, Variant

SHORT, LONG = 4, 5
LEET_SEEN = re.compile(r"[0-9@$|+!(](?:(?<![!(])|(?<=[a-z].)[a-z0-9@$+!(]|(?<=[ .\-_*].)[ .\-_*])")
"""What is somewhere in a word with digits or symbols for letters; ! and ( count between letters only."""

ASSIGNED = re.compile(r" ?(?:[-+*/.]?=|->|\[|;|\+\+|--)")
"""What follows a variable: $hit = 5."""

VARIABLE = re.compile(r" [-+*/]?= ")
HEXADECIMAL = re.compile(r"[0-9a-f]+")
HEX_BEFORE, HEX_AFTER = re.compile(r"0x$|[#=]$|[0-9a-f]-$|[0-9]:$"), re.compile(r"-[0-9a-f]|:[0-9a-f:]")
"""What stands beside a part of a number to the base of 16: 0xbada55, #a55, id=a55, 123e4567-a55e."""

PUNCTUATION = "!|("
"""Symbols that at the end of a word are no letter, and with + none at its beginning."""


def is_leet(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether there are digits and symbols at this place that are letters, and no number, price or code.

    Where there are none at all, the plain letter runs tell.
    """
    body = "".join(piece.text for piece in occurrence.pieces)
    if body.isalpha() or not LEET_SEEN.search(occurrence.text) or _is_code(body, occurrence):
        return False
    digits, letters = sum(map(str.isdigit, body)), sum(map(str.isalpha, body))
    if not letters:
        return body.startswith("@$$") and set(body) == {"@", "$"}
    small, capitals = (
        occurrence.written.lower() == occurrence.written,
        occurrence.written.upper() == occurrence.written,
    )
    if variant.size < SHORT and body[-1].isdigit():
        return variant.spelled and small and digits > letters
    if variant.size < SHORT:
        return body[-1] != "+" and (not digits or (letters > 1 and not capitals))
    return (
        digits < letters
        or (variant.cut and small)
        or (digits == letters and (variant.cut or (variant.spelled and small)))
    )


def _is_code(body: str, occurrence: Occurrence) -> bool:
    """Whether what looks like a word is part of a number, a name in a program, or punctuation."""
    before, after = occurrence.before(2), occurrence.after(4)
    if any(map(str.isdigit, body)):
        in_hexadecimal = HEX_BEFORE.search(before) or HEX_AFTER.match(after)
        if before[-1:].isdigit() or after[:1].isdigit() or (in_hexadecimal and HEXADECIMAL.fullmatch(body)):
            return True
    follows = is_letter(before[-1:]) and not body[0].isalpha()
    goes_on = is_letter(after[:1]) and not body[-1].isalpha()
    in_call = "(" in body and (after[:1] == ")" or not occurrence.closes)
    variable = body[0] in "$@" and ASSIGNED.match(after)
    punctuation = body[0] in PUNCTUATION + "+" or body[-1] in PUNCTUATION
    return bool(follows or goes_on or in_call or variable or punctuation)


def is_censored(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether symbols hide letters here: f*ck, s**t, f--k."""
    if occurrence.cuts or not (occurrence.opens and occurrence.closes):
        return False
    for letter, least, run in zip(variant.letters, variant.counts, occurrence.run_texts, strict=True):
        if not (_hides(variant, run) if letter == HIDDEN else len(run) >= least):
            return False
    if VARIABLE.match(occurrence.after(4)) or ("-" in occurrence.text and occurrence.after(1) == "'"):
        return False
    if variant.letters.endswith(HIDDEN):
        shown = len(variant.letters) - 1
        return (
            occurrence.text[shown:].rstrip("?!-~") == HIDDEN * len(variant.hidden)
            and occurrence.after(1) != "@"
            and HIDDEN not in occurrence.before(1 if shown == 1 else BEHIND)
            and occurrence.before(1) != "\\"
        )
    return True


def _hides(variant: Variant, run: str) -> bool:
    """Whether a run of symbols may stand for the letters that the form hides."""
    kinds, size = set(run), len(variant.hidden)
    if len(run) == 1:
        product = run == HIDDEN and variant.hidden not in VOWELS and variant.letters[1] == HIDDEN
        return size == 1 and not (product and variant.size < LONG)
    if "-" in kinds:
        return len(run) == size and kinds == {"-"}
    if len(kinds) > 1 and len(run) == size:
        return True
    plain = kinds in ({"*"}, {"#"}) or (variant.listed is not None and variant.listed.word == SHORTEST)
    return plain and size - 1 <= len(run) <= size + 2
