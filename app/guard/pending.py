"""Tails: what at the end of a text may still become a word, or be judged otherwise by what follows."""

import re

from app.guard.automaton import Automaton
from app.guard.letter_runs import CENSORS, LEET, Reading
from app.guard.normalize import Folded
from app.guard.occurrence import AHEAD, Place, is_border
from app.guard.rules import fits

SYMBOL = re.compile(f"[{re.escape(''.join(LEET) + CENSORS)}]")


def has_symbols(folded: Folded, plain: Reading, longest: int) -> bool:
    """Whether another reading than the plain one may tell more of the tail."""
    runs = len(plain.skeleton)
    if runs <= longest + AHEAD:
        return SYMBOL.search(folded.text) is not None
    return SYMBOL.search(folded.text, plain.start[runs - longest - AHEAD]) is not None


def open_start(folded: Folded, reading: Reading, automaton: Automaton) -> int:
    """The folded index from which on the end of a reading may become a form, or be judged otherwise."""
    size, runs = len(folded.text), len(reading.skeleton)
    if not runs or size - reading.stop[runs - 1] >= 2 * AHEAD:
        return size
    tail = max(0, runs - automaton.longest - AHEAD)
    start = size
    for group, first, last in automaton.hits(reading.skeleton[tail:]):
        begin = reading.start[tail + first]
        end = reading.stop[tail + last - 1]
        if size - end >= AHEAD or begin >= start:
            continue
        if group.inside or (is_border(folded, begin) and is_border(folded, end)):
            place = Place(folded, reading, tail + first, tail + last)
            if any(fits(form, place) for form in group.forms):
                start = begin
    if size - reading.stop[runs - 1] >= AHEAD:
        return start
    solid = _last_word(reading, size)
    for first in range(max(0, runs - automaton.longest), runs):
        begin = reading.start[first]
        if begin >= start:
            break
        head = reading.skeleton[first:]
        heads = automaton.gapped_heads if first < solid else automaton.heads
        if head in heads and is_border(folded, begin):
            return begin
        if first >= solid and head in automaton.inside_heads:
            return begin
    return start


def _last_word(reading: Reading, size: int) -> int:
    """The run from which on there is no gap up to the end of the text."""
    first = len(reading.skeleton)
    while first and reading.stop[first - 1] == size:
        first, size = first - 1, reading.start[first - 1]
    return first
