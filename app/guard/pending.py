"""Tails: what at the end of a text may still become a word, or be judged otherwise by what follows."""

import re

from app.guard.automaton import Automaton
from app.guard.letter_runs import CENSORS, LEET, LetterRuns
from app.guard.normalize import Normalized
from app.guard.occurrence import AHEAD, Occurrence, is_border
from app.guard.rules import fits

SYMBOL = re.compile(f"[{re.escape(''.join(LEET) + CENSORS)}]")


def has_symbols(normalized: Normalized, plain: LetterRuns, longest: int) -> bool:
    """Whether other letter runs than the plain ones may tell more of the tail."""
    runs = len(plain.skeleton)
    if runs <= longest + AHEAD:
        return SYMBOL.search(normalized.text) is not None
    return SYMBOL.search(normalized.text, plain.start[runs - longest - AHEAD]) is not None


def pending_start(normalized: Normalized, letter_runs: LetterRuns, automaton: Automaton) -> int:
    """The normalized index from which on these runs may become a variant, or be judged otherwise."""
    size, runs = len(normalized.text), len(letter_runs.skeleton)
    if not runs or size - letter_runs.stop[runs - 1] >= 2 * AHEAD:
        return size
    tail = max(0, runs - automaton.longest - AHEAD)
    start = size
    for group, first, last in automaton.hits(letter_runs.skeleton[tail:]):
        begin = letter_runs.start[tail + first]
        end = letter_runs.stop[tail + last - 1]
        if size - end >= AHEAD or begin >= start:
            continue
        if group.inside or (is_border(normalized, begin) and is_border(normalized, end)):
            occurrence = Occurrence(normalized, letter_runs, tail + first, tail + last)
            if any(fits(variant, occurrence) for variant in group.variants):
                start = begin
    if size - letter_runs.stop[runs - 1] >= AHEAD:
        return start
    solid = _last_word(letter_runs, size)
    for first in range(max(0, runs - automaton.longest), runs):
        begin = letter_runs.start[first]
        if begin >= start:
            break
        head = letter_runs.skeleton[first:]
        heads = automaton.gapped_heads if first < solid else automaton.heads
        if head in heads and is_border(normalized, begin):
            return begin
        if first >= solid and head in automaton.inside_heads:
            return begin
    return start


def _last_word(letter_runs: LetterRuns, size: int) -> int:
    """The run from which on there is no gap up to the end of the text."""
    first = len(letter_runs.skeleton)
    while first and letter_runs.stop[first - 1] == size:
        first, size = first - 1, letter_runs.start[first - 1]
    return first
