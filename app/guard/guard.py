"""The guard: finds bad words in a text and masks them."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from app.guard.automaton import Automaton
from app.guard.excuses import Excuses
from app.guard.fold import MASK, Folded, FoldTable, fold
from app.guard.form import HIDDEN
from app.guard.match import Match, exposed, spans
from app.guard.place import AHEAD, Place, is_border
from app.guard.reading import CENSORS, LEET, PLAIN, Reading, alphabet, read
from app.guard.rules import accepts, fits
from app.guard.symbols import LEET_SEEN
from app.guard.thresholds import EVERYTHING, Thresholds
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

    def open_from(self, text: str, *, before: str = "") -> int:
        """The index from which on the end of `text` may still become part of a bad or innocent word.

        Whatever follows, what `check` says of the text before this index stays as it is. It is
        `len(text)` where nothing is open.
        """
        before = before[-SEAM:]
        folded = fold(before + text, self.table)
        size = len(folded.text)
        readings = self._readings(folded, whatever_follows=True)
        start = min(_open_start(folded, reading, automaton) for reading, automaton in readings)
        for match in sorted(self._matches(folded, EVERYTHING), key=lambda match: -match.stop):
            if start - match.stop < AHEAD:
                start = min(start, match.start)
        return len(text) if start == size else max(0, folded.origin[start] - len(before))

    def _spans(self, text: str, limits: Thresholds) -> list[Span]:
        folded = fold(text, self.table)
        return spans(exposed(self._matches(folded, limits)), folded)

    def _readings(
        self, folded: Folded, *, whatever_follows: bool = False
    ) -> Iterator[tuple[Reading, Automaton]]:
        text = folded.text.encode("ascii")
        yield read(text, PLAIN), self.words
        if whatever_follows or LEET_SEEN.search(folded.text):
            yield read(text, WITH_LEET), self.words
        if whatever_follows or CENSOR_SEEN.search(folded.text):
            yield read(text, WITH_CENSORS), self.hidden

    def _matches(self, folded: Folded, limits: Thresholds) -> Iterator[Match]:
        lowest = limits.lowest
        for reading, automaton in self._readings(folded):
            for group, first, last in automaton.hits(reading.skeleton):
                start = reading.start[first]
                if reading.stop[last - 1] - start < group.size:
                    continue
                if not (group.inside or is_border(folded, start)):
                    continue
                place = Place(folded, reading, first, last)
                worst = 0
                for form in group.forms:
                    entry = form.entry
                    if entry is not None and entry.severity < max(lowest[entry.category], worst + 1):
                        continue
                    if accepts(form, place, self.fragments):
                        excused = self.excuses.hold(form, place)
                        worst = entry.severity if entry is not None and not excused else worst
                        yield Match(place.start, place.stop, entry, excused)


def _open_start(folded: Folded, reading: Reading, automaton: Automaton) -> int:
    """The folded index from which on the end of a reading may become a form, or be judged otherwise."""
    size, runs = len(folded.text), len(reading.skeleton)
    tail = max(0, runs - automaton.longest - AHEAD)
    start = size
    for group, first, last in automaton.hits(reading.skeleton[tail:]):
        place = Place(folded, reading, tail + first, tail + last)
        near = size - place.stop < AHEAD and (group.inside or place.opens)
        if near and any(fits(form, place) for form in group.forms):
            start = min(start, place.start)
    if not runs or size - reading.stop[runs - 1] >= AHEAD:
        return start
    for first in range(max(0, runs - automaton.longest), runs):
        place = Place(folded, reading, first, runs)
        head = reading.skeleton[first:]
        if (head in automaton.heads and place.opens) or (
            head in automaton.inside_heads and place.stop == size and not place.cuts
        ):
            return min(start, place.start)
    return start


def _masked(text: str, found: Iterable[Span]) -> str:
    pieces, end = [], 0
    for span in found:
        pieces += [text[end : span.start], MASK * (span.end - span.start)]
        end = span.end
    return "".join([*pieces, text[end:]])
