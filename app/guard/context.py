"""Context: what around a word makes another word of it: a name, an animal, a word of another language.

No listed word is context for its neighbour: it is blanked in the surroundings, and only its case is left.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from app.guard.neighbours import INSULTING
from app.guard.normalize import MASKED, OTHER
from app.guard.occurrence import Occurrence
from app.guard.rules import CAPITALIZED
from app.guard.surroundings import BLANK, BLANK_CAPITAL, Around
from app.guard.variants import SHORTEST, Variant
from app.guard.word_list import ListedWord

CAPITAL, SMALL = f"A-Z{MASKED}{OTHER}{BLANK_CAPITAL}", f"a-z{MASKED}{OTHER}{BLANK}"
NAME_BEFORE = re.compile(
    rf"(?<![A-Za-z{BLANK_CAPITAL}{BLANK}])([{CAPITAL}][{SMALL}]*)(?:\.? | and | or | [\"'(])$"
)
PARTICLES = r"(?: (?:van|von|vom|zu|de|der|den|ter|la|le|di|da|du|del)){1,2}"
NAME_AFTER = re.compile(rf"(?:'s)?(?:[ -]| and | or |[\"')] |{PARTICLES} )[{CAPITAL}]")
PERSON_AFTER = re.compile(
    r",? (?:said|says|asked|told|replied|wrote|lives|lived|works|worked|who|was|had|has|went|came|will|would"
    r"|likes|loves|called|thinks|thought|knows|knew|did|does|could|can|took|got|gave|made|left|kept)\b"
)
LOWER_BEFORE = re.compile(rf"(?<![A-Za-z{MASKED}{OTHER}{BLANK_CAPITAL}{BLANK}])([a-z]+),? $")
NAMED = re.compile(r"(?:name|surname) (?:is|was) $|nee $")
NO_NAMES = {
    *("A", "An", "Big", "Eat", "His", "Lick", "Little", "My", "No", "Small", "Such", "Suck"),
    *("That", "The", "This", "To", "What", "You", "Your"),
}
"""Words that begin a sentence, and not a name."""

PLACE_AFTER = re.compile(r", (?:in )?(([A-Z][A-Za-z]+)(?: [A-Z][a-z]+)?)")
"""What follows a name that a place follows: Coon, Iowa."""

LAST_WORD = re.compile(r"(?<![A-Za-z])([A-Za-z]+),? $")

YEAR_AFTER = re.compile(r"(?:[ -][A-Za-z0-9']+){0,3}[!?]? \((?:18|19|20)[0-9]{2}\b")
WORST = 3
"""Words of this severity are excused by no title."""

TITLE_BEFORE = re.compile(r"(?<![A-Za-z])([A-Z][a-z]+)[ -]$")
TITLE_AFTER = re.compile(r"(?:(?:'s?|:)? |-)([A-Z][a-z]+)")
TITLES = {
    *("film", "films", "movie", "movies", "comedy", "drama", "sequel", "prequel", "series", "sitcom"),
    *("novel", "novella", "album", "albums", "song", "band", "musical", "thriller", "western", "starring"),
    *("starred", "directed", "director", "premiered", "soundtrack", "documentary", "trilogy", "remake"),
    *("screenplay", "box", "comic", "comics", "memoir", "biopic", "cinema", "cinemas", "netflix", "stars"),
    *("cast", "episode", "episodes", "season", "seasons", "released", "singer", "actor", "actress"),
    *("festival", "trailer", "book", "books", "author", "published", "publisher", "paperback", "edition"),
    *("poem", "painting", "poet", "writer", "concert", "vinyl", "single", "punk", "tour", "theatre"),
    *("theater", "play", "opera", "dvd", "cinematic"),
}
"""Words near the title of a work."""

NO_TITLES = {
    *("a", "an", "and", "are", "fucking", "holy", "is", "like", "my", "of", "so", "such", "that"),
    *("this", "to", "total", "was", "were", "what", "you", "your"),
}
"""Words that begin no title before a listed word, however they are written."""

NO_PERSON = {
    *("a", "an", "the", "my", "your", "his", "her", "their", "our", "its", "this", "that", "such", "you"),
    *("big", "little", "huge", "small", "tiny", "hard", "long", "fat", "stupid", "total", "some", "more"),
    *("suck", "sucks", "sucking", "sucked", "lick", "licking", "eat", "eating", "ride", "riding", "fucking"),
    *("what", "no"),
}
"""Words after which a capital begins no first name."""


WORDS_BEFORE, WORDS_AFTER = 3, 2
"""How many words before and after one tell which language it is of."""

NAME_LEFT, NAME_RIGHT = re.compile(r"(?<![A-Za-z])[A-Z][a-z]+ $"), re.compile(r" [A-Z]")


@dataclass(frozen=True, slots=True)
class Context:
    """The words that excuse others: `foreign` ones, and by word those of the contexts it is innocent in.

    `places` are states, counties and countries, as they stand behind a name.
    """

    foreign: AbstractSet[str]
    contexts: Mapping[str, AbstractSet[str]]
    places: AbstractSet[str] = frozenset()

    def excuses(self, variant: Variant, occurrence: Occurrence, around: Around) -> bool:
        """Whether a listed word is a name here, innocent, or stands among words of another language."""
        listed = variant.listed
        if listed is None or occurrence.cuts:
            return False
        if CAPITALIZED.fullmatch(occurrence.written) and self._is_named(listed, around):
            return True
        if listed.joiner and _joins(occurrence, around):
            return True
        context = self.contexts.get(listed.word)
        if not listed.homograph and context is None:
            return False
        before, after = around.words()
        if listed.homograph and not self.foreign.isdisjoint(before[-WORDS_BEFORE:] + after[:WORDS_AFTER]):
            return True
        if context is None or not occurrence.text.isalpha():
            return False
        if listed.word == SHORTEST and occurrence.written.islower():
            return False
        return _is_innocent(context, before, after)

    def _is_named(self, listed: ListedWord, around: Around) -> bool:
        """Whether a capitalized word is a name, or part of one."""
        if listed.name and (is_name(around, person=listed.person) or self._is_before_place(around)):
            return True
        return listed.severity < WORST and is_title(around)

    def _is_before_place(self, around: Around) -> bool:
        """Whether a state or a country follows: Dick, Nebraska, 3rd."""
        left, right = around
        place = PLACE_AFTER.match(right)
        if place is None or self.places.isdisjoint(place.groups()):
            return False
        word = LAST_WORD.search(left)
        return word is None or (word[1] not in NO_PERSON and word[1] not in NO_NAMES)


def _is_innocent(context: AbstractSet[str], before: list[str], after: list[str]) -> bool:
    """Whether a word of its innocent context is near, and no insulting one right before: the a██ brayed."""
    return INSULTING.isdisjoint(before[-2:]) and not (
        context.isdisjoint(before) and context.isdisjoint(after)
    )


def is_name(around: Around, *, person: bool) -> bool:
    """Whether a capitalized word is a name beside another, or a person's in a sentence: ask D███."""
    left, right = around
    before, lower = NAME_BEFORE.search(left), LOWER_BEFORE.search(left)
    if NAME_AFTER.match(right) or NAMED.search(left) or (before is not None and before[1] not in NO_NAMES):
        return True
    if not person or (lower is not None and lower[1] in NO_PERSON):
        return False
    return lower is not None or (not left.strip() and PERSON_AFTER.match(right) is not None)


def is_title(around: Around) -> bool:
    """Whether a capitalized word is in the title of a work: a year follows, or a film is spoken of."""
    left, right = around
    if YEAR_AFTER.match(right):
        return True
    before, after = TITLE_BEFORE.search(left), TITLE_AFTER.match(right)
    if after is not None and after[1].lower() in TITLES:
        return False
    if after is None and (before is None or before[1].lower() in NO_TITLES):
        return False
    words_before, words_after = around.words()
    return INSULTING.isdisjoint(words_before[-2:]) and not TITLES.isdisjoint(words_before + words_after)


def _joins(occurrence: Occurrence, around: Around) -> bool:
    """Whether it joins two words or two names: kitchen-c██-diner, Stow c██ Quy."""
    left, right = around
    hyphens = left[-1:] == "-" == right[:1] and left[-2:-1].isalpha() and right[1:2].isalpha()
    names = NAME_LEFT.search(left) and NAME_RIGHT.match(right) and occurrence.written.islower()
    return bool(hyphens or names)
