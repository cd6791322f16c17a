"""Places: where in a text a form may stand."""

from dataclasses import dataclass
from itertools import pairwise

from app.guard.letter_runs import Reading
from app.guard.normalize import MASKED, Folded

BEHIND, AHEAD = 48, 32
"""Folded characters that a rule looks at before and after a word; no rule looks further."""


def is_letter(character: str) -> bool:
    """Whether a folded character is a letter; a masked one is."""
    return character.isalpha() or character == MASKED


def is_border(folded: Folded, index: int) -> bool:
    """Whether a word ends or begins between two characters of a folded text, before `index`."""
    text = folded.text
    if index in (0, len(text)):
        return True
    left, right = text[index - 1], text[index]
    if left.isalpha() and right.isalpha():
        source, origin = folded.source, folded.origin
        return source[origin[index - 1]].islower() and source[origin[index]].isupper()
    return MASKED not in (left, right)


@dataclass(frozen=True, slots=True)
class Place:
    """Runs `[first, last)` of a reading of a folded text."""

    folded: Folded
    reading: Reading
    first: int
    last: int

    @property
    def start(self) -> int:
        """Index of its first character in the folded text."""
        return int(self.reading.start[self.first])

    @property
    def stop(self) -> int:
        """Index after its last character in the folded text."""
        return int(self.reading.stop[self.last - 1])

    @property
    def text(self) -> str:
        """The folded text that it covers."""
        return self.folded.text[self.start : self.stop]

    @property
    def written(self) -> str:
        """The original text that it covers."""
        return self.folded.written(self.start, self.stop)

    @property
    def counts(self) -> tuple[int, ...]:
        """The length of each run."""
        runs = range(self.first, self.last)
        return tuple(self.reading.stop[run] - self.reading.start[run] for run in runs)

    @property
    def runs(self) -> list[str]:
        """The folded text of each run."""
        text, start, stop = self.folded.text, self.reading.start, self.reading.stop
        return [text[start[run] : stop[run]] for run in range(self.first, self.last)]

    @property
    def cuts(self) -> tuple[int, ...]:
        """The runs, counted from the first, that a gap stands before."""
        start, stop = self.reading.start, self.reading.stop
        runs = range(self.first + 1, self.last)
        return tuple(run - self.first for run in runs if start[run] != stop[run - 1])

    @property
    def pieces(self) -> list["Place"]:
        """The parts between the gaps."""
        edges = (0, *self.cuts, self.last - self.first)
        return [
            Place(self.folded, self.reading, self.first + first, self.first + last)
            for first, last in pairwise(edges)
        ]

    @property
    def gaps(self) -> list[str]:
        """The folded text in each gap."""
        return [self.folded.text[left.stop : right.start] for left, right in pairwise(self.pieces)]

    @property
    def opens(self) -> bool:
        """Whether a word begins here."""
        return is_border(self.folded, self.start)

    @property
    def closes(self) -> bool:
        """Whether a word ends here."""
        return is_border(self.folded, self.stop)

    def before(self, size: int) -> str:
        """At most `size` folded characters before it."""
        return self.folded.text[max(0, self.start - size) : self.start]

    def after(self, size: int) -> str:
        """At most `size` folded characters after it."""
        return self.folded.text[self.stop : self.stop + size]
