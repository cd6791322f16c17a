"""Context: what around a word makes another word of it: a name, an animal, a word of another language.

No listed word is context for its neighbour: it is blanked in the surroundings, and only its case is left.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from app.guard.normalize import MASKED, OTHER
from app.guard.occurrence import Occurrence
from app.guard.rules import CAPITALIZED
from app.guard.surroundings import BLANK, BLANK_CAPITAL, Around
from app.guard.variants import Variant

CAPITAL, SMALL = f"A-Z{MASKED}{OTHER}{BLANK_CAPITAL}", f"a-z{MASKED}{OTHER}{BLANK}"
NAME_BEFORE = re.compile(
    rf"(?<![A-Za-z{BLANK_CAPITAL}{BLANK}])([{CAPITAL}][{SMALL}]*)(?:\.? | and | or | [\"'(])$"
)
NAME_AFTER = re.compile(rf"(?:'s)?(?:[ -]| and | or |[\"')] )[{CAPITAL}]")
PERSON_AFTER = re.compile(
    r",? (?:said|says|asked|told|replied|wrote|lives|lived|works|worked|who|was|had|has|went|came|will|would"
    r"|likes|loves|called|thinks|thought|knows|knew|did|does|could|can|took|got|gave|made|left|kept)\b"
)
LOWER_BEFORE = re.compile(rf"(?<![A-Za-z{MASKED}{OTHER}{BLANK_CAPITAL}{BLANK}])([a-z]+),? $")
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

    def excuses(self, variant: Variant, occurrence: Occurrence, around: Around) -> bool:
        """Whether a listed word is a name here, innocent, or stands among words of another language."""
        listed = variant.listed
        if listed is None or occurrence.cuts:
            return False
        if listed.name and is_name(occurrence, around, person=listed.person):
            return True
        if listed.joiner and _joins(occurrence, around):
            return True
        context = self.contexts.get(listed.word)
        if not listed.homograph and context is None:
            return False
        before, after = around.words()
        if listed.homograph and not self.foreign.isdisjoint(before[-WORDS_BEFORE:] + after[:WORDS_AFTER]):
            return True
        return context is not None and occurrence.text.isalpha() and _is_innocent(context, before, after)


def _is_innocent(context: AbstractSet[str], before: list[str], after: list[str]) -> bool:
    """Whether a word of its innocent context is near, and no insulting one right before: the a██ brayed."""
    return INSULTING.isdisjoint(before[-2:]) and not (
        context.isdisjoint(before) and context.isdisjoint(after)
    )


def is_name(occurrence: Occurrence, around: Around, *, person: bool) -> bool:
    """Whether it is written as a name beside another, or as a person's name in a sentence: ask D███."""
    if not CAPITALIZED.fullmatch(occurrence.written):
        return False
    left, right = around
    before, lower = NAME_BEFORE.search(left), LOWER_BEFORE.search(left)
    if NAME_AFTER.match(right) or (before is not None and before[1] not in NO_NAMES):
        return True
    if not person or (lower is not None and lower[1] in NO_PERSON):
        return False
    return lower is not None or (not left.strip() and PERSON_AFTER.match(right) is not None)


def _joins(occurrence: Occurrence, around: Around) -> bool:
    """Whether it joins two words or two names: kitchen-c██-diner, Stow c██ Quy."""
    left, right = around
    hyphens = left[-1:] == "-" == right[:1] and left[-2:-1].isalpha() and right[1:2].isalpha()
    names = NAME_LEFT.search(left) and NAME_RIGHT.match(right) and occurrence.written.islower()
    return bool(hyphens or names)
