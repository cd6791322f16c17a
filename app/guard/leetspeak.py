"""Symbols for letters: sh1t is a word, 455 a number, f**k a word with letters hidden."""

import re

from app.guard.occurrence import BEHIND, Place, is_letter
from app.guard.variants import HIDDEN, SHORTEST, VOWELS, Form

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


def is_leet(form: Form, place: Place) -> bool:
    """Whether there are digits and symbols at this place that are letters, and no number, price or code.

    Where there are none at all, the plain reading tells.
    """
    body = "".join(piece.text for piece in place.pieces)
    if body.isalpha() or not LEET_SEEN.search(place.text) or _is_code(body, place):
        return False
    digits, letters = sum(map(str.isdigit, body)), sum(map(str.isalpha, body))
    if not letters:
        return body.startswith("@$$") and set(body) == {"@", "$"}
    small, capitals = place.written.lower() == place.written, place.written.upper() == place.written
    if form.size < SHORT and body[-1].isdigit():
        return form.spelled and small and digits > letters
    if form.size < SHORT:
        return body[-1] != "+" and (not digits or (letters > 1 and not capitals))
    return (
        digits < letters
        or (form.cut and small)
        or (digits == letters and (form.cut or (form.spelled and small)))
    )


def _is_code(body: str, place: Place) -> bool:
    """Whether what looks like a word is part of a number, a name in a program, or punctuation."""
    before, after = place.before(2), place.after(4)
    if any(map(str.isdigit, body)):
        in_hexadecimal = HEX_BEFORE.search(before) or HEX_AFTER.match(after)
        if before[-1:].isdigit() or after[:1].isdigit() or (in_hexadecimal and HEXADECIMAL.fullmatch(body)):
            return True
    follows = is_letter(before[-1:]) and not body[0].isalpha()
    goes_on = is_letter(after[:1]) and not body[-1].isalpha()
    in_call = "(" in body and (after[:1] == ")" or not place.closes)
    variable = body[0] in "$@" and ASSIGNED.match(after)
    punctuation = body[0] in PUNCTUATION + "+" or body[-1] in PUNCTUATION
    return bool(follows or goes_on or in_call or variable or punctuation)


def is_censored(form: Form, place: Place) -> bool:
    """Whether symbols hide letters here: f*ck, s**t, f--k."""
    if place.cuts or not (place.opens and place.closes):
        return False
    for letter, least, run in zip(form.letters, form.counts, place.runs, strict=True):
        if not (_hides(form, run) if letter == HIDDEN else len(run) >= least):
            return False
    if VARIABLE.match(place.after(4)) or ("-" in place.text and place.after(1) == "'"):
        return False
    if form.letters.endswith(HIDDEN):
        shown = len(form.letters) - 1
        return (
            place.text[shown:].rstrip("?!-~") == HIDDEN * len(form.hidden)
            and place.after(1) != "@"
            and HIDDEN not in place.before(1 if shown == 1 else BEHIND)
            and place.before(1) != "\\"
        )
    return True


def _hides(form: Form, run: str) -> bool:
    """Whether a run of symbols may stand for the letters that the form hides."""
    kinds, size = set(run), len(form.hidden)
    if len(run) == 1:
        product = run == HIDDEN and form.hidden not in VOWELS and form.letters[1] == HIDDEN
        return size == 1 and not (product and form.size < LONG)
    if "-" in kinds:
        return len(run) == size and kinds == {"-"}
    if len(kinds) > 1 and len(run) == size:
        return True
    plain = kinds in ({"*"}, {"#"}) or (form.entry is not None and form.entry.word == SHORTEST)
    return plain and size - 1 <= len(run) <= size + 2
