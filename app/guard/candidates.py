"""Candidates: what in a text is written like a listed or an innocent word, whatever stands around it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from app.guard.automaton import Automaton, Group
from app.guard.leetspeak import LEET_SEEN, is_censored
from app.guard.letter_runs import CENSORS, LEET, PLAIN, LetterRuns, alphabet, read
from app.guard.normalize import Normalized
from app.guard.occurrence import Occurrence, is_beginning, is_border, occurrence
from app.guard.pending import unfinished_from
from app.guard.rules import is_written
from app.guard.variants import HIDDEN, Variant
from app.guard.word_list import ListedWord

WITH_LEET = alphabet(LEET)
WITH_CENSORS = alphabet(dict.fromkeys(CENSORS, HIDDEN))
CENSOR_SEEN = re.compile(rf"[{re.escape(CENSORS)}][a-z]|[*]{{2}}")
"""What is somewhere in a word with letters hidden."""
SYMBOL = re.compile(f"[{re.escape(''.join(LEET) + CENSORS)}]")
"""What is in a text that has other letter runs than the plain ones."""


class Written(NamedTuple):
    """What is written at an occurrence: listed variants, the most severe first, or an innocent word."""

    occurrence: Occurrence
    listed: tuple[tuple[Variant, ListedWord], ...]
    innocent: bool


class Candidate(NamedTuple):
    """Something written at `[start, stop)`; shared with all places that are written alike."""

    start: int
    stop: int
    written: Written


Write = Callable[[Group, Occurrence], list[Variant]]
"""Tells which variants of a group are written at an occurrence."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All that is looked for: words, and words with letters hidden.

    `fragments` are ordinary words that a word cut in two may fall into.
    """

    words: Automaton
    hidden: Automaton
    fragments: frozenset[str]

    def candidates(self, normalized: Normalized) -> tuple[list[Candidate], list[Candidate]]:
        """The candidates that may be bad, and the innocent ones; in one pass for each kind of letter runs."""
        bad: list[Candidate] = []
        innocent: list[Candidate] = []
        for candidate in self._candidates(normalized):
            if candidate.written.listed:
                bad.append(candidate)
            if candidate.written.innocent:
                innocent.append(candidate)
        return bad, innocent

    def unfinished_from(self, normalized: Normalized) -> int:
        """The index from which on the end of a text may be the beginning of a word."""
        text = normalized.text.encode("ascii")
        index = unfinished_from(normalized, read(text, PLAIN), self.words)
        if SYMBOL.search(normalized.text):
            index = min(index, unfinished_from(normalized, read(text, WITH_LEET), self.words))
            index = min(index, unfinished_from(normalized, read(text, WITH_CENSORS), self.hidden))
        return index

    def _candidates(self, normalized: Normalized) -> Iterator[Candidate]:
        text = normalized.text.encode("ascii")
        yield from _find(normalized, read(text, PLAIN), self.words, self._write)
        if LEET_SEEN.search(normalized.text):
            yield from _find(normalized, read(text, WITH_LEET), self.words, self._write)
        if CENSOR_SEEN.search(normalized.text):
            yield from _find(normalized, read(text, WITH_CENSORS), self.hidden, _censor)

    def _write(self, group: Group, here: Occurrence) -> list[Variant]:
        """The variants of a group that are written at an occurrence."""
        if not here.letter_runs.plain and here.text.isalpha():
            return []
        return [variant for variant in group.variants if is_written(variant, here, self.fragments)]


def _censor(group: Group, here: Occurrence) -> list[Variant]:
    """The variants of a group that are written at an occurrence, with letters hidden."""
    return [] if here.cuts else [variant for variant in group.variants if is_censored(variant, here)]


def _find(
    normalized: Normalized, letter_runs: LetterRuns, automaton: Automaton, write: Write
) -> Iterator[Candidate]:
    """The candidates that an automaton finds; what is written alike at two places is looked at once."""
    starts, stops = letter_runs.start, letter_runs.stop
    known: dict[tuple[int, bool, str], Written | None] = {}
    for number, first, last in automaton.hits(letter_runs.skeleton):
        group, start, stop = automaton.groups[number], starts[first], stops[last - 1]
        if stop - start < group.size or start < normalized.begin:
            continue
        if not (group.inside or (is_beginning(normalized, start) and is_border(normalized, stop))):
            continue
        key = (number, start == 0, normalized.around(start, stop))
        if key not in known:
            here = occurrence(normalized, letter_runs, first, last)
            known[key] = _written(here, write(group, here))
        written = known[key]
        if written is not None:
            yield Candidate(start, stop, written)


def _written(here: Occurrence, variants: list[Variant]) -> Written | None:
    listed = tuple([(variant, variant.listed) for variant in variants if variant.listed is not None])
    return Written(here, listed, len(listed) < len(variants)) if variants else None
