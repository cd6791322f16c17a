"""The pending end of a text: what may still become a word, or be judged otherwise by what follows."""

from collections.abc import Iterable

from app.guard.automaton import Automaton
from app.guard.letter_runs import LetterRuns
from app.guard.normalize import Normalized
from app.guard.occurrence import AHEAD, is_beginning
from app.guard.overlaps import Interval

LONGEST_GAP = 5
"""Characters between two letters of one word."""


def unfinished_from(normalized: Normalized, letter_runs: LetterRuns, automaton: Automaton) -> int:
    """The index from which on the end of a text may be the beginning of a word; its length where it is none.

    A word may go on where the runs at the end of the text are the beginning of its skeleton:

    | the end | goes on to |
    | --- | --- |
    | `oh f█` | any word that begins so |
    | `oh f █` | one that may have gaps |
    | `oh, unf█` | one that is bad inside every word |
    """
    size, skeleton = len(normalized.text), letter_runs.skeleton
    runs = len(skeleton)
    if not runs or size - letter_runs.stop[runs - 1] > LONGEST_GAP:
        return size
    solid = _first_of_last_word(letter_runs, size)
    for first in range(max(0, runs - automaton.longest), runs):
        start = letter_runs.start[first]
        if start < normalized.begin:
            continue
        head = skeleton[first:]
        heads = automaton.heads if first >= solid else automaton.gapped_heads
        if head in heads and is_beginning(normalized, start):
            return start
        if first >= solid and head in automaton.inside_heads:
            return start
    return size


def _first_of_last_word(letter_runs: LetterRuns, size: int) -> int:
    """The run from which on there is no gap up to the end of the text."""
    first = len(letter_runs.skeleton)
    while first and letter_runs.stop[first - 1] == size:
        first, size = first - 1, letter_runs.start[first - 1]
    return first


def settled_until(unfinished: int, bad: Iterable[Interval], innocent: Iterable[Interval]) -> int:
    """The index before which nothing is judged otherwise, whatever follows.

    `unfinished` is where a word may begin that is not yet complete. Undecided are the bad words that it,
    once known, may be a neighbour of, and what overlaps them.
    """
    words = [(word.stop, AHEAD, word.start) for word in bad] + [
        (word.stop, 1, word.start) for word in innocent
    ]
    index = min([unfinished, *(start for stop, ahead, start in words if stop + ahead > unfinished)])
    for stop, _, start in sorted(words, reverse=True):
        if start < index < stop:
            index = start
    return index
