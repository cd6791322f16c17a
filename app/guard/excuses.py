"""Excuses: what around a word makes another word of it, a name or one of another language."""

import re
from collections.abc import Set as AbstractSet

from app.guard.fold import MASKED
from app.guard.form import Form
from app.guard.place import Place
from app.guard.rules import AHEAD, BEHIND, CAPITALIZED

NAME_BEFORE = re.compile(rf"(?<![A-Za-z])([A-Z{MASKED}][a-z{MASKED}]*)\.? $")
NAME_AFTER = re.compile(rf"(?:'s)?[ -][A-Z{MASKED}]")
NO_NAMES = {
    *("A", "An", "Big", "Eat", "His", "Lick", "Little", "My", "No", "Small", "Such", "Suck"),
    *("That", "The", "This", "To", "What", "You", "Your"),
}
"""Words that begin a sentence, and not a name."""

WORD = re.compile(r"(?<![a-z\3])[a-z]+(?![a-z\3])")
WORDS_BEFORE, WORDS_AFTER = 3, 2
"""How many words before and after one tell which language it is of."""


def is_excused(form: Form, place: Place, foreign: AbstractSet[str]) -> bool:
    """Whether the form at this place is a name beside a name, or stands among `foreign` words."""
    entry = form.entry
    if entry is None or place.cuts:
        return False
    return (entry.name and _is_name(place)) or (entry.homograph and _is_foreign(place, foreign))


def _is_name(place: Place) -> bool:
    """Whether it is written as a name beside another: Dick Francis, Philip K. Dick."""
    if not CAPITALIZED.fullmatch(place.written):
        return False
    before = NAME_BEFORE.search(_cased(place, max(0, place.start - BEHIND), place.start))
    after = NAME_AFTER.match(_cased(place, place.stop, place.stop + AHEAD))
    return after is not None or (before is not None and before[1] not in NO_NAMES)


def _cased(place: Place, start: int, stop: int) -> str:
    """Folded text with the original's capitals."""
    folded = place.folded
    return "".join(
        letter.upper() if folded.source[folded.origin[index]].isupper() else letter
        for index, letter in enumerate(folded.text[start:stop], start)
    )


def _is_foreign(place: Place, foreign: AbstractSet[str]) -> bool:
    """Whether one of the words around it is of another language."""
    text, start = place.folded.text, max(0, place.start - BEHIND)
    before = WORD.findall(text, start, place.start)[-WORDS_BEFORE:]
    after = WORD.findall(text, place.stop, place.stop + AHEAD)[:WORDS_AFTER]
    return not foreign.isdisjoint(before + after)
