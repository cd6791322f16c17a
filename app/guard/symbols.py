"""Symbols for letters: sh1t is a word, 455 a number, f**k a word with letters hidden."""

import re

from app.guard.form import HIDDEN, VOWELS, Form
from app.guard.place import Place, is_letter

SHORT, LONG = 4, 5
LEET_SEEN = re.compile(r"[0-9@$|+!(](?:(?<![!(])|(?<=[a-z].)[a-z0-9@$+!(]|(?<=[ .\-_*].)[ .\-_*])")
"""What is somewhere in a word with digits or symbols for letters; ! and ( count between letters only."""

ASSIGNED = re.compile(r" ?(?:[-+*/.]?=|->|\[|;|\+\+|--)")
"""What follows a variable: $hit = 5."""

HEXADECIMAL, NUMBER_SIGN = re.compile(r"[0-9a-f]+"), re.compile(r"0x$|#$")
PUNCTUATION = "!|("
"""Symbols that at the end of a word are no letter, and with + none at its beginning."""


def is_leet(form: Form, place: Place) -> bool:
    """Whether there are digits and symbols at this place that are letters, and no number, price or code.

    Where there are none at all, the plain reading tells.
    """
    body = "".join(piece.text for piece in place.pieces)
    digits, letters = sum(map(str.isdigit, body)), sum(map(str.isalpha, body))
    if letters == len(body):
        return False
    before, after = place.before(1), place.after(1)
    if not LEET_SEEN.search(place.text) or (digits and (before.isdigit() or after.isdigit())):
        return False
    if (is_letter(before) and not body[0].isalpha()) or (is_letter(after) and not body[-1].isalpha()):
        return False
    if HEXADECIMAL.fullmatch(body) and NUMBER_SIGN.search(place.before(2)):
        return False
    if body[0] in PUNCTUATION + "+" or body[-1] in PUNCTUATION:
        return False
    if "(" in body and (after == ")" or not place.closes):
        return False
    if body[0] in "$@" and ASSIGNED.match(place.after(4)):
        return False
    if not letters:
        return body.startswith("@$$") and set(body) == {"@", "$"}
    capitals, small = place.written.upper() == place.written, place.written.lower() == place.written
    spelled, cut = form.entry is not None and form.entry.spelled, form.entry is not None and form.entry.cut
    if form.size < SHORT:
        if body[-1].isdigit():
            return spelled and small and digits > letters
        return body[-1] != "+" and not (digits and (letters < 2 or capitals))
    return (
        digits < letters
        or (cut and (small or digits == letters))
        or (spelled and small and digits == letters)
    )


def is_censored(form: Form, place: Place) -> bool:
    """Whether symbols hide letters here: f*ck, s**t, f--k."""
    if place.cuts or not (place.opens and place.closes):
        return False
    for letter, least, run in zip(form.letters, form.counts, place.runs, strict=True):
        if not (_hides(form, run) if letter == HIDDEN else len(run) >= least):
            return False
    if form.letters.endswith(HIDDEN):
        return place.text[1:] == HIDDEN * len(form.hidden) and place.before(1) != HIDDEN
    return True


def _hides(form: Form, run: str) -> bool:
    """Whether a run of symbols may stand for the letters that the form hides."""
    kinds, size = set(run), len(form.hidden)
    if len(run) == 1:
        product = run == HIDDEN and form.hidden not in VOWELS and form.letters[1] == HIDDEN
        return size == 1 and not (product and form.size < LONG)
    if "-" in kinds:
        return len(run) == size and kinds == {"-"}
    plain = kinds in ({"*"}, {"#"}) or (form.entry is not None and "fuck" in form.entry.word)
    return plain and size - 1 <= len(run) <= size + 2
