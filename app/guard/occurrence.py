"""Occurrences: where in a text a variant of a listed word may stand."""

from dataclasses import dataclass
from itertools import pairwise

from app.guard.letter_runs import LetterRuns
from app.guard.normalize import MASKED, Normalized

BEHIND, AHEAD = 48, 32
"""Folded characters that a rule looks at before and after a word; no rule looks further."""


def is_letter(character: str) -> bool:
    """Whether a folded character is a letter; a masked one is."""
    return character.isalpha() or character == MASKED


def is_border(normalized: Normalized, index: int) -> bool:
    """Whether a word ends or begins between two characters of a folded text, before `index`."""
    text = normalized.text
    if index in (0, len(text)):
        return True
    left, right = text[index - 1], text[index]
    if left.isalpha() and right.isalpha():
        source, origin = normalized.source, normalized.origin
        return source[origin[index - 1]].islower() and source[origin[index]].isupper()
    return MASKED not in (left, right)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Runs `[first, last)` of the letter runs of a normalized text."""

    normalized: Normalized
    letter_runs: LetterRuns
    first: int
    last: int

    @property
    def start(self) -> int:
        """Index of its first character in the folded text."""
        return int(self.letter_runs.start[self.first])

    @property
    def stop(self) -> int:
        """Index after its last character in the folded text."""
        return int(self.letter_runs.stop[self.last - 1])

    @property
    def text(self) -> str:
        """The folded text that it covers."""
        return self.normalized.text[self.start : self.stop]

    @property
    def written(self) -> str:
        """The original text that it covers."""
        return self.normalized.written(self.start, self.stop)

    @property
    def counts(self) -> tuple[int, ...]:
        """The length of each run."""
        runs = range(self.first, self.last)
        return tuple(self.letter_runs.stop[run] - self.letter_runs.start[run] for run in runs)

    @property
    def run_texts(self) -> list[str]:
        """The folded text of each run."""
        text, start, stop = self.normalized.text, self.letter_runs.start, self.letter_runs.stop
        return [text[start[run] : stop[run]] for run in range(self.first, self.last)]

    @property
    def cuts(self) -> tuple[int, ...]:
        """The runs, counted from the first, that a gap stands before."""
        start, stop = self.letter_runs.start, self.letter_runs.stop
        runs = range(self.first + 1, self.last)
        return tuple(run - self.first for run in runs if start[run] != stop[run - 1])

    @property
    def pieces(self) -> list["Occurrence"]:
        """The parts between the gaps."""
        edges = (0, *self.cuts, self.last - self.first)
        return [
            Occurrence(self.normalized, self.letter_runs, self.first + first, self.first + last)
            for first, last in pairwise(edges)
        ]

    @property
    def gaps(self) -> list[str]:
        """The folded text in each gap."""
        return [self.normalized.text[left.stop : right.start] for left, right in pairwise(self.pieces)]

    @property
    def opens(self) -> bool:
        """Whether a word begins here."""
        return is_border(self.normalized, self.start)

    @property
    def closes(self) -> bool:
        """Whether a word ends here."""
        return is_border(self.normalized, self.stop)

    def before(self, size: int) -> str:
        """At most `size` folded characters before it."""
        return self.normalized.text[max(0, self.start - size) : self.start]

    def after(self, size: int) -> str:
        """At most `size` folded characters after it."""
        return self.normalized.text[self.stop : self.stop + size]
