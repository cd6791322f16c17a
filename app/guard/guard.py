"""The guard: finds bad words in a text and masks them."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from app.guard.automaton import Automaton
from app.guard.context import Excuses
from app.guard.leetspeak import LEET_SEEN
from app.guard.letter_runs import CENSORS, LEET, PLAIN, Reading, alphabet, read
from app.guard.normalize import MASK, Folded, FoldTable, fold
from app.guard.occurrence import AHEAD, Place, is_border
from app.guard.overlaps import Match, exposed, spans
from app.guard.pending import has_symbols, open_start
from app.guard.rules import accepts
from app.guard.thresholds import EVERYTHING, Thresholds
from app.guard.variants import HIDDEN
from app.guard.verdict import Span, Verdict

WITH_LEET = alphabet(LEET)
WITH_CENSORS = alphabet(dict.fromkeys(CENSORS, HIDDEN))
CENSOR_SEEN = re.compile(rf"[{re.escape(CENSORS)}]+(?:[a-z]|(?<=[*]{{2}}))")

SEAM = 256
"""Characters before a text that are looked at; the longest phrase needs fewer."""


class Guard:
    """Finds the bad words of a text, in time linear in its length; safe to share between threads."""

    def __init__(
        self,
        table: FoldTable,
        words: Automaton,
        hidden: Automaton,
        fragments: AbstractSet[str],
        excuses: Excuses,
        thresholds: Thresholds,
        version: str,
    ) -> None:
        self.table = table
        self.words = words
        self.hidden = hidden
        self.fragments = fragments
        self.excuses = excuses
        self.thresholds = thresholds
        self.version = version

    def check(self, text: str, *, before: str = "", thresholds: Thresholds | None = None) -> Verdict:
        """The bad words that touch `text`, as indices into it.

        A word may begin in `before`, the text that precedes; its span then starts at 0. Where
        `thresholds` are given, the stricter of them and the guard's own hold.
        """
        limits = self.thresholds if thresholds is None else self.thresholds.stricter(thresholds)
        before = before[-SEAM:]
        whole = before + text
        found = new = self._spans(whole, limits)
        if not found:
            return Verdict()
        while new:  # a masked word may have been the excuse of its neighbour
            new = self._spans(_masked(whole, found), limits)
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

    def open_from(self, text: str, *, before: str = "") -> tuple[int, bool]:
        """The index from which on the end of `text` may still become part of a bad or innocent word.

        Whatever follows, what `check` says of the text before this index stays as it is. It is
        `len(text)` where nothing is open. Also whether there is anything that `check` may find now.
        """
        before = before[-SEAM:]
        folded = fold(before + text, self.table)
        size = len(folded.text)
        readings = list(self._readings(folded))
        start = self._open_start(folded, readings[0][0])
        matches = sorted(self._matches(folded, readings, EVERYTHING), key=lambda match: -match.stop)
        for match in matches:
            if start - match.stop < AHEAD:
                start = min(start, match.start)
        index = len(text) if start == size else max(0, folded.origin[start] - len(before))
        return index, any(match.entry for match in matches)

    def _open_start(self, folded: Folded, plain: Reading) -> int:
        start = open_start(folded, plain, self.words)
        if not has_symbols(folded, plain, self.words.longest):
            return start
        text = folded.text.encode("ascii")
        with_leet = open_start(folded, read(text, WITH_LEET), self.words)
        return min(start, with_leet, open_start(folded, read(text, WITH_CENSORS), self.hidden))

    def _spans(self, text: str, limits: Thresholds) -> list[Span]:
        folded = fold(text, self.table)
        matches = list(self._matches(folded, self._readings(folded), limits))
        return spans(exposed(matches), folded) if matches else []

    def _readings(self, folded: Folded) -> Iterator[tuple[Reading, Automaton]]:
        text = folded.text.encode("ascii")
        yield read(text, PLAIN), self.words
        if LEET_SEEN.search(folded.text):
            yield read(text, WITH_LEET), self.words
        if CENSOR_SEEN.search(folded.text):
            yield read(text, WITH_CENSORS), self.hidden

    def _matches(
        self, folded: Folded, readings: Iterable[tuple[Reading, Automaton]], limits: Thresholds
    ) -> Iterator[Match]:
        for reading, automaton in readings:
            for group, first, last in automaton.hits(reading.skeleton):
                start, stop = reading.start[first], reading.stop[last - 1]
                if stop - start < group.size:
                    continue
                if not (group.inside or (is_border(folded, start) and is_border(folded, stop))):
                    continue
                place = Place(folded, reading, first, last)
                worst = 0
                for form in group.forms:
                    entry = form.entry
                    if entry is not None and entry.severity < max(limits.lowest(entry.category), worst + 1):
                        continue
                    if accepts(form, place, self.fragments):
                        excused = self.excuses.hold(form, place)
                        worst = entry.severity if entry is not None and not excused else worst
                        yield Match(place.start, place.stop, entry, excused)


def _masked(text: str, found: Iterable[Span]) -> str:
    pieces, end = [], 0
    for span in found:
        pieces += [text[end : span.start], MASK * (span.end - span.start)]
        end = span.end
    return "".join([*pieces, text[end:]])
