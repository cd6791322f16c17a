"""Candidates: what in a text is written like a listed or an innocent word, whatever stands around it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from app.guard.automaton import Automaton, Group
from app.guard.leetspeak import LEET_SEEN, is_censored
from app.guard.letter_runs import CENSORS, LEET, PLAIN, LetterRuns, alphabet, read
from app.guard.normalize import Normalized
from app.guard.occurrence import Occurrence, is_beginning, is_border, occurrence
from app.guard.pending import unfinished_from
from app.guard.rules import is_written
from app.guard.surroundings import Around
from app.guard.variants import HIDDEN, Variant
from app.guard.word_list import ListedWord

WITH_LEET = alphabet(LEET)
WITH_CENSORS = alphabet(dict.fromkeys(CENSORS, HIDDEN))
CENSOR_SEEN = re.compile(rf"[{re.escape(CENSORS)}][a-z]|[*]{{2}}")
"""What is somewhere in a word with letters hidden."""
SYMBOL = re.compile(f"[{re.escape(''.join(LEET) + CENSORS)}]")
"""What is in a text that has other letter runs than the plain ones."""

REMEMBERED = 1000
"""Judgements that a memo keeps from one look at a text to the next."""


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


@dataclass(frozen=True, slots=True)
class Memo:
    """What is known of a text's words: what is written alike, in like surroundings, is judged once.

    `written` has it by group and letter runs, by whether it begins the text, and by its characters; `judged`
    by what is written and what stands around.
    """

    written: dict[tuple[int, bytes, bool, str], "Written | None"] = field(default_factory=dict)
    judged: dict[tuple[int, Around], ListedWord | None] = field(default_factory=dict)

    def shorten(self) -> None:
        """Forget all, where it is much."""
        if len(self.written) + len(self.judged) > REMEMBERED:
            self.judged.clear()
            self.written.clear()


Runs = dict[bytes, LetterRuns]
"""Letter runs of a text, by alphabet."""

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

    def candidates(
        self, normalized: Normalized, runs: Runs, memo: Memo
    ) -> tuple[list[Candidate], list[Candidate]]:
        """The candidates that may be bad, and the innocent ones; in one pass for each kind of letter runs."""
        bad: list[Candidate] = []
        innocent: list[Candidate] = []
        for candidate in self._candidates(normalized, runs, memo):
            if candidate.written.listed:
                bad.append(candidate)
            if candidate.written.innocent:
                innocent.append(candidate)
        return bad, innocent

    def unfinished_from(self, normalized: Normalized, runs: Runs) -> int:
        """The index from which on the end of a text may be the beginning of a word."""
        index = unfinished_from(normalized, _read(normalized, PLAIN, runs), self.words)
        if SYMBOL.search(normalized.text):
            index = min(index, unfinished_from(normalized, _read(normalized, WITH_LEET, runs), self.words))
            censored = _read(normalized, WITH_CENSORS, runs)
            index = min(index, unfinished_from(normalized, censored, self.hidden))
        return index

    def _candidates(self, normalized: Normalized, runs: Runs, memo: Memo) -> Iterator[Candidate]:
        yield from _find(normalized, runs, PLAIN, self.words, self._write, memo)
        if LEET_SEEN.search(normalized.text):
            yield from _find(normalized, runs, WITH_LEET, self.words, self._write, memo)
        if CENSOR_SEEN.search(normalized.text):
            yield from _find(normalized, runs, WITH_CENSORS, self.hidden, _censor, memo)

    def _write(self, group: Group, here: Occurrence) -> list[Variant]:
        """The variants of a group that are written at an occurrence."""
        if not here.letter_runs.plain and here.text.isalpha():
            return []
        return [variant for variant in group.variants if is_written(variant, here, self.fragments)]


def _censor(group: Group, here: Occurrence) -> list[Variant]:
    """The variants of a group that are written at an occurrence, with letters hidden."""
    return [] if here.cuts else [variant for variant in group.variants if is_censored(variant, here)]


def _read(normalized: Normalized, letters: bytes, runs: Runs) -> LetterRuns:
    """The letter runs of a text by an alphabet, read once."""
    if letters not in runs:
        runs[letters] = read(normalized.text.encode("ascii"), letters)
    return runs[letters]


def _find(
    normalized: Normalized, runs: Runs, letters: bytes, automaton: Automaton, write: Write, memo: Memo
) -> Iterator[Candidate]:
    """The candidates that an automaton finds; what is written alike at two places is looked at once."""
    letter_runs = _read(normalized, letters, runs)
    starts, stops = letter_runs.start, letter_runs.stop
    groups, known, begin = automaton.groups, memo.written, normalized.begin
    for number, first, last in automaton.hits(letter_runs.skeleton):
        start, stop = starts[first], stops[last - 1]
        if stop - start < groups[number].size or start < begin:
            continue
        key = (number, letters, start == 0, normalized.around(start, stop))
        if key not in known:
            known[key] = _written(normalized, letter_runs, first, last, groups[number], write)
        written = known[key]
        if written is not None:
            yield Candidate(start, stop, written)


def _written(
    normalized: Normalized, letter_runs: LetterRuns, first: int, last: int, group: Group, write: Write
) -> Written | None:
    """What of a group is written at runs `[first, last)`."""
    start, stop = letter_runs.start[first], letter_runs.stop[last - 1]
    if not (group.inside or (is_beginning(normalized, start) and is_border(normalized, stop))):
        return None
    here = occurrence(normalized, letter_runs, first, last)
    variants = write(group, here)
    listed = tuple([(variant, variant.listed) for variant in variants if variant.listed is not None])
    return Written(here, listed, len(listed) < len(variants)) if variants else None
