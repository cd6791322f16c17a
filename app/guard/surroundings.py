"""The surroundings of a word: the text around it, in which every listed word is blanked.

What stands around a word may excuse it: another name, a word of another language, program code. No listed
word is such an excuse for its neighbour, so the judgement of a word does not depend on the judgement of
another. One pass over a text is therefore enough, and masking what was found excuses or accuses nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple

from app.guard.normalize import MASKED, OTHER, Normalized
from app.guard.occurrence import AHEAD, BEHIND
from app.guard.overlaps import Interval

BLANK_CAPITAL, BLANK, BLANK_SYMBOL, BLANK_DIGIT = "\5", "\6", "\7", "\16"
"""What stands for a blanked capital, small letter, symbol and digit."""

LETTER, DIGIT = rf"a-z{MASKED}{OTHER}{BLANK}{BLANK_CAPITAL}", rf"0-9{MASKED}{BLANK_DIGIT}"
"""What is a letter and a digit, blanked ones too; what was masked in the source may be either."""

BLANKS = frozenset((MASKED, OTHER, BLANK, BLANK_CAPITAL, BLANK_SYMBOL, BLANK_DIGIT))
IN_WORD = rf"{LETTER}{BLANK_SYMBOL}{BLANK_DIGIT}"
"""Letters, and all that was blanked: it is part of a word."""

WORD = re.compile(rf"(?<![{IN_WORD}])[{IN_WORD}]+")
JOINED = re.compile(rf"[{IN_WORD}]+")

_OTHERS = {chr(code): BLANK_SYMBOL for code in range(128)} | dict.fromkeys(digits, BLANK_DIGIT)
_LETTERS = dict.fromkeys(ascii_lowercase, BLANK) | dict.fromkeys(ascii_uppercase, BLANK_CAPITAL)
_BLANKED = str.maketrans(_OTHERS | _LETTERS | {MASKED: MASKED, OTHER: OTHER})


class Around(NamedTuple):
    """The characters right before and after a word, with their capitals; as many as any rule looks at."""

    cased_before: str
    cased_after: str

    @property
    def before(self) -> str:
        """The characters before it in small letters."""
        return self.cased_before.lower()

    @property
    def after(self) -> str:
        """The characters after it in small letters."""
        return self.cased_after.lower()

    def touches_blank(self) -> bool:
        """Whether something blanked or masked stands right before or after the word."""
        return not BLANKS.isdisjoint(self.cased_before[-1:] + self.cased_after[:1])

    def words(self) -> tuple[list[str], list[str]]:
        """The words before and after it, whole ones and such as are cut off at the end."""
        before, after = self.before, self.after
        joined = JOINED.match(after)
        return (
            WORD.findall(before, 1 if len(before) > BEHIND else 0),
            WORD.findall(after, joined.end() if joined else 0),
        )


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A normalized text with the capitals of its source, in which listed words are blanked.

    `offset` is added to an index of the normalized text to give one of this: the text before it that a
    stream has passed on stands in front.
    """

    text: str
    offset: int = 0

    def around(self, start: int, stop: int) -> Around:
        """What stands around `[start, stop)` of the normalized text."""
        start, stop = start + self.offset, stop + self.offset
        return Around(self.text[max(0, start - BEHIND - 1) : start], self.text[stop : stop + AHEAD])

    def left_of(self, index: int) -> "Surroundings":
        """What matters of the surroundings of the text before an index to the text after it."""
        stop = index + self.offset
        return Surroundings(self.text[max(0, stop - BEHIND - 1) : stop])


NOTHING = Surroundings("")


def blanked(normalized: Normalized, listed: Iterable[Interval], left: Surroundings) -> Surroundings:
    """A normalized text with these words blanked, behind the surroundings `left` of its beginning."""
    cased = normalized.cased
    pieces, end = [left.text], normalized.begin
    for start, stop in sorted((word.start, word.stop) for word in listed):
        if stop > end:
            pieces += [cased[end:start], cased[max(end, start) : stop].translate(_BLANKED)]
            end = stop
    return Surroundings("".join([*pieces, cased[end:]]), len(left.text) - normalized.begin)
