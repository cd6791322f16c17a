"""Occurrences: where in a text a variant of a listed word may stand."""

from itertools import pairwise
from typing import NamedTuple

from app.guard.letter_runs import LetterRuns
from app.guard.normalize import MASKED, OTHER, Normalized

BEHIND, AHEAD = 48, 32
"""Normalized characters that a rule looks at before and after a word; no rule looks further."""

ARTICLE = "A"
UNREADABLE = MASKED + OTHER
"""Letters that are not a to z."""


def is_border(normalized: Normalized, index: int) -> bool:
    """Whether a word ends or begins between two characters of a normalized text, before `index`."""
    text = normalized.text
    if index in (0, len(text)):
        return True
    left, right = text[index - 1], text[index]
    if left.isalpha() and right.isalpha():
        source, origin = normalized.source, normalized.origin
        return source[origin[index - 1]].islower() and source[origin[index]].isupper()
    return not (left in UNREADABLE or right in UNREADABLE)


def is_beginning(normalized: Normalized, index: int) -> bool:
    """Whether a word begins at `index`: at a border, or behind the article in isABitch.

    The last letter of a text may do so, since a small one may follow.
    """
    if is_border(normalized, index):
        return True
    source, origin = normalized.source, normalized.origin
    if source[origin[index - 1]] != ARTICLE or not source[origin[index]].isupper():
        return False
    return index + 1 == len(origin) or source[origin[index + 1]].islower()


class Occurrence(NamedTuple):
    """Runs `[first, last)` of the letter runs of a normalized text; a tuple, for there are many.

    They cover `[start, stop)` of the text. `counts` has the length of each run, `cuts` the runs, counted
    from the first, that a gap stands before. `opens` and `closes` tell whether a word begins and ends here.
    """

    normalized: Normalized
    letter_runs: LetterRuns
    first: int
    last: int
    start: int
    stop: int
    counts: tuple[int, ...]
    cuts: tuple[int, ...]
    opens: bool
    closes: bool

    @property
    def text(self) -> str:
        """The normalized text that it covers."""
        return self.normalized.text[self.start : self.stop]

    @property
    def written(self) -> str:
        """The original text that it covers."""
        return self.normalized.written(self.start, self.stop)

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """Start and stop of the parts between the gaps."""
        first, start, stop = self.first, self.letter_runs.start, self.letter_runs.stop
        edges = (0, *self.cuts, self.last - first)
        return [(start[first + begin], stop[first + end - 1]) for begin, end in pairwise(edges)]

    @property
    def gaps(self) -> list[str]:
        """The normalized text in each gap."""
        text, first, start, stop = (
            self.normalized.text,
            self.first,
            self.letter_runs.start,
            self.letter_runs.stop,
        )
        return [text[stop[first + cut - 1] : start[first + cut]] for cut in self.cuts]

    @property
    def body(self) -> str:
        """The normalized text without the gaps."""
        text = self.normalized.text
        return "".join([text[start:stop] for start, stop in self.pieces]) if self.cuts else self.text

    def run(self, index: int) -> str:
        """The normalized text of one run, counted from the first."""
        run = self.first + index
        return self.normalized.text[self.letter_runs.start[run] : self.letter_runs.stop[run]]


def occurrence(normalized: Normalized, letter_runs: LetterRuns, first: int, last: int) -> Occurrence:
    """The occurrence at runs `[first, last)`."""
    starts, stops = letter_runs.start[first:last], letter_runs.stop[first:last]
    start, stop = starts[0], stops[-1]
    counts = tuple([stop - start for start, stop in zip(starts, stops, strict=True)])
    cuts: tuple[int, ...] = ()
    if sum(counts) != stop - start:
        cuts = tuple([run for run in range(1, last - first) if starts[run] != stops[run - 1]])
    opens, closes = is_beginning(normalized, start), is_border(normalized, stop)
    return Occurrence(normalized, letter_runs, first, last, start, stop, counts, cuts, opens, closes)
