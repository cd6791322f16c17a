"""The guard: finds bad words in a text and masks them."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from app.guard.automaton import Automaton
from app.guard.context import Context
from app.guard.leetspeak import LEET_SEEN
from app.guard.letter_runs import CENSORS, LEET, PLAIN, LetterRuns, alphabet, read
from app.guard.normalize import MASK, CharacterTable, Normalized, normalize
from app.guard.occurrence import AHEAD, Occurrence, is_border
from app.guard.overlaps import Match, exposed, spans
from app.guard.pending import has_symbols, pending_start
from app.guard.rules import accepts
from app.guard.variants import HIDDEN
from app.guard.verdict import EVERYTHING, Span, Thresholds, Verdict

WITH_LEET = alphabet(LEET)
WITH_CENSORS = alphabet(dict.fromkeys(CENSORS, HIDDEN))
CENSOR_SEEN = re.compile(rf"[{re.escape(CENSORS)}]+(?:[a-z]|(?<=[*]{{2}}))")

SEAM = 256
"""Characters before a text that are looked at; the longest phrase needs fewer."""


class Guard:
    """Finds the bad words of a text, in time linear in its length; safe to share between threads."""

    def __init__(
        self,
        table: CharacterTable,
        words: Automaton,
        hidden: Automaton,
        fragments: AbstractSet[str],
        context: Context,
        thresholds: Thresholds,
        version: str,
    ) -> None:
        self.table = table
        self.words = words
        self.hidden = hidden
        self.fragments = fragments
        self.context = context
        self.thresholds = thresholds
        self.version = version

    def check(self, text: str, *, before: str = "") -> Verdict:
        """The bad words that touch `text`, as indices into it.

        A word may begin in `before`, the text that precedes; its span then starts at 0.
        """
        before = before[-SEAM:]
        whole = before + text
        found = new = self._spans(whole)
        if not found:
            return Verdict()
        while new:  # a masked word may have been the excuse of its neighbour
            new = self._spans(_masked(whole, found))
            found = sorted([*found, *new], key=lambda span: span.start)
        offset = len(before)
        return Verdict(
            tuple(
                Span(max(0, span.start - offset), span.end - offset, span.category, span.severity)
                for span in found
                if span.end > offset
            )
        )

    def mask(self, text: str, verdict: Verdict) -> str:
        """The text with `MASK` for each character of a span; `check` finds nothing in it."""
        return _masked(text, verdict.spans)

    def pending_from(self, text: str, *, before: str = "") -> tuple[int, bool]:
        """The index from which on the end of `text` may still become part of a bad or innocent word.

        Whatever follows, what `check` says of the text before this index stays as it is. It is
        `len(text)` where nothing is open. Also whether there is anything that `check` may find now.
        """
        before = before[-SEAM:]
        normalized = normalize(before + text, self.table)
        size = len(normalized.text)
        all_runs = list(self._letter_runs(normalized))
        start = self._pending_start(normalized, all_runs[0][0])
        matches = sorted(self._matches(normalized, all_runs, EVERYTHING), key=lambda match: -match.stop)
        for match in matches:
            if start - match.stop < AHEAD:
                start = min(start, match.start)
        index = len(text) if start == size else max(0, normalized.origin[start] - len(before))
        return index, any(match.listed for match in matches)

    def _pending_start(self, normalized: Normalized, plain: LetterRuns) -> int:
        start = pending_start(normalized, plain, self.words)
        if not has_symbols(normalized, plain, self.words.longest):
            return start
        text = normalized.text.encode("ascii")
        with_leet = pending_start(normalized, read(text, WITH_LEET), self.words)
        return min(start, with_leet, pending_start(normalized, read(text, WITH_CENSORS), self.hidden))

    def _spans(self, text: str) -> list[Span]:
        normalized = normalize(text, self.table)
        matches = list(self._matches(normalized, self._letter_runs(normalized), self.thresholds))
        return spans(exposed(matches), normalized) if matches else []

    def _letter_runs(self, normalized: Normalized) -> Iterator[tuple[LetterRuns, Automaton]]:
        text = normalized.text.encode("ascii")
        yield read(text, PLAIN), self.words
        if LEET_SEEN.search(normalized.text):
            yield read(text, WITH_LEET), self.words
        if CENSOR_SEEN.search(normalized.text):
            yield read(text, WITH_CENSORS), self.hidden

    def _matches(
        self, normalized: Normalized, all_runs: Iterable[tuple[LetterRuns, Automaton]], limits: Thresholds
    ) -> Iterator[Match]:
        for letter_runs, automaton in all_runs:
            for group, first, last in automaton.hits(letter_runs.skeleton):
                start, stop = letter_runs.start[first], letter_runs.stop[last - 1]
                if stop - start < group.size:
                    continue
                if not (group.inside or (is_border(normalized, start) and is_border(normalized, stop))):
                    continue
                occurrence = Occurrence(normalized, letter_runs, first, last)
                worst = 0
                for variant in group.variants:
                    listed = variant.listed
                    if listed is not None and listed.severity < max(
                        limits.lowest(listed.category), worst + 1
                    ):
                        continue
                    if accepts(variant, occurrence, self.fragments):
                        excused = self.context.hold(variant, occurrence)
                        worst = listed.severity if listed is not None and not excused else worst
                        yield Match(occurrence.start, occurrence.stop, listed, excused)


def _masked(text: str, found: Iterable[Span]) -> str:
    pieces, end = [], 0
    for span in found:
        pieces += [text[end : span.start], MASK * (span.end - span.start)]
        end = span.end
    return "".join([*pieces, text[end:]])
