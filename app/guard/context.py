"""Excuses: what around a word makes another word of it: a name, an animal, a word of another language."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from app.guard.normalize import MASKED
from app.guard.occurrence import AHEAD, BEHIND, Occurrence
from app.guard.rules import CAPITALIZED
from app.guard.variants import Variant

NAME_BEFORE = re.compile(rf"(?<![A-Za-z])([A-Z{MASKED}][a-z{MASKED}]*)(?:\.? | and | or | [\"'(])$")
NAME_AFTER = re.compile(rf"(?:'s)?(?:[ -]| and | or |[\"')] )[A-Z{MASKED}]")
PERSON_AFTER = re.compile(
    r",? (?:said|says|asked|told|replied|wrote|lives|lived|works|worked|who|was|had|has|went|came|will|would"
    r"|likes|loves|called|thinks|thought|knows|knew|did|does|could|can|took|got|gave|made|left|kept)\b"
)
LOWER_BEFORE = re.compile(r"(?<![A-Za-z])([a-z]+),? $")
NO_NAMES = {
    *("A", "An", "Big", "Eat", "His", "Lick", "Little", "My", "No", "Small", "Such", "Suck"),
    *("That", "The", "This", "To", "What", "You", "Your"),
}
"""Words that begin a sentence, and not a name."""

NO_PERSON = {
    *("a", "an", "the", "my", "your", "his", "her", "their", "our", "its", "this", "that", "such", "you"),
    *("big", "little", "huge", "small", "tiny", "hard", "long", "fat", "stupid", "total", "some", "more"),
    *("suck", "sucks", "sucking", "sucked", "lick", "licking", "eat", "eating", "ride", "riding", "fucking"),
    *("what", "no"),
}
"""Words after which a capital begins no first name."""

WORD = re.compile(r"(?<![a-z\3])[a-z]+(?![a-z\3])")
WORDS_BEFORE, WORDS_AFTER = 3, 2
"""How many words before and after one tell which language it is of."""

INSULTING = {
    *("you", "your", "ur", "suck", "sucking", "kiss", "lick", "eat", "dumb", "stupid", "big", "fat", "lazy"),
    *("fucking", "little", "ugly", "silly", "bloody", "crazy", "hot", "tight", "wet"),
}
"""No beast is meant where one of these is among the two words before."""

NAME_LEFT, NAME_RIGHT = re.compile(r"(?<![A-Za-z])[A-Z][a-z]+ $"), re.compile(r" [A-Z]")


@dataclass(frozen=True, slots=True)
class Context:
    """The words that excuse others: `foreign` ones, and by word those of the contexts it is innocent in."""

    foreign: AbstractSet[str]
    contexts: Mapping[str, AbstractSet[str]]

    def hold(self, variant: Variant, occurrence: Occurrence) -> bool:
        """Whether the form at this place is a name, innocent here, or stands among foreign words."""
        listed = variant.listed
        if listed is None or occurrence.cuts:
            return False
        return bool(
            (listed.name and _is_name(occurrence, listed.person))
            or (listed.joiner and _joins(occurrence))
            or (listed.homograph and self._is_foreign(occurrence))
            or (listed.word in self.contexts and self._is_at_home(occurrence, self.contexts[listed.word]))
        )

    def _is_foreign(self, occurrence: Occurrence) -> bool:
        """Whether one of the words around it is of another language."""
        before, after = _words_around(occurrence)
        return not self.foreign.isdisjoint(before[-WORDS_BEFORE:] + after[:WORDS_AFTER])

    def _is_at_home(self, occurrence: Occurrence, context: AbstractSet[str]) -> bool:
        """Whether a word of its innocent context is near: the ass brayed."""
        if not occurrence.text.isalpha():
            return False
        before, after = _words_around(occurrence)
        return INSULTING.isdisjoint(before[-2:]) and not context.isdisjoint(before + after)


def _words_around(occurrence: Occurrence) -> tuple[list[str], list[str]]:
    text = occurrence.normalized.text
    before = WORD.findall(text, max(0, occurrence.start - BEHIND), occurrence.start)
    return before, WORD.findall(text, occurrence.stop, occurrence.stop + AHEAD)


def _is_name(occurrence: Occurrence, person: bool) -> bool:
    """Whether it is written as a name beside another, or as a person's name in a sentence: ask Dick."""
    if not CAPITALIZED.fullmatch(occurrence.written):
        return False
    left = _cased(occurrence, max(0, occurrence.start - BEHIND), occurrence.start)
    right = _cased(occurrence, occurrence.stop, occurrence.stop + AHEAD)
    before, lower = NAME_BEFORE.search(left), LOWER_BEFORE.search(left)
    if NAME_AFTER.match(right) or (before is not None and before[1] not in NO_NAMES):
        return True
    if not person or (lower is not None and lower[1] in NO_PERSON):
        return False
    return lower is not None or (not left.strip() and PERSON_AFTER.match(right) is not None)


def _joins(occurrence: Occurrence) -> bool:
    """Whether it joins two words or two names: kitchen-cum-diner, Stow cum Quy."""
    left = _cased(occurrence, max(0, occurrence.start - BEHIND), occurrence.start)
    right = _cased(occurrence, occurrence.stop, occurrence.stop + AHEAD)
    hyphens = left[-1:] == "-" == right[:1] and left[-2:-1].isalpha() and right[1:2].isalpha()
    names = NAME_LEFT.search(left) and NAME_RIGHT.match(right) and occurrence.written.islower()
    return bool(hyphens or names)


def _cased(occurrence: Occurrence, start: int, stop: int) -> str:
    """Folded text with the original's capitals."""
    normalized = occurrence.normalized
    return "".join(
        letter.upper() if normalized.source[normalized.origin[index]].isupper() else letter
        for index, letter in enumerate(normalized.text[start:stop], start)
    )
