"""The guard: finds bad words in a text and masks them."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.guard.candidates import Candidate, Lexicon, Memo, Runs, Written
from app.guard.context import Context
from app.guard.neighbours import stands_alone
from app.guard.normalize import MASK, CharacterTable, Normalized, normalize
from app.guard.overlaps import Match, exposed, spans
from app.guard.pending import settled_until
from app.guard.surroundings import NOTHING, Around, Surroundings, blanked
from app.guard.verdict import Span, Verdict
from app.guard.word_list import ListedWord

SEAM = 256
"""Characters before a text that are looked at; the longest phrase needs fewer."""


@dataclass(frozen=True, slots=True)
class Left:
    """What was passed on of a text, as far as it matters to the rest: last character and surroundings."""

    edge: str = ""
    surroundings: Surroundings = NOTHING


@dataclass(frozen=True, slots=True)
class Settled:
    """The first `size` characters of a text, judged whatever follows, and what they leave to the rest."""

    size: int
    verdict: Verdict
    left: Left


class Guard:
    """Finds the bad words of a text, in time linear in its length; safe to share between threads.

    One pass finds what is written like a listed or an innocent word. The next looks at the surroundings of
    the listed ones, in which all of them are blanked. The last leaves out what innocent words cover.
    """

    def __init__(self, table: CharacterTable, lexicon: Lexicon, context: Context, version: str) -> None:
        self.table = table
        self.lexicon = lexicon
        self.context = context
        self.version = version

    def check(self, text: str, *, before: str = "") -> Verdict:
        """The bad words that touch `text`, as indices into it.

        A word may begin in `before`, the text that precedes; its span then starts at 0.
        """
        before = before[-SEAM:]
        normalized = normalize(before + text, self.table)
        memo = Memo()
        bad, innocent = self.lexicon.candidates(normalized, {}, memo)
        if not bad:
            return Verdict()
        surroundings = blanked(normalized, bad, NOTHING)
        return Verdict(moved(self._judge(normalized, bad, innocent, surroundings, memo), -len(before)))

    def mask(self, text: str, verdict: Verdict) -> str:
        """The text with `MASK` for each character of a span; `check` finds nothing in it."""
        pieces, end = [], 0
        for span in verdict.spans:
            pieces += [text[end : span.start], MASK * (span.end - span.start)]
            end = span.end
        return "".join([*pieces, text[end:]])

    def settle(self, text: str, left: Left, *, last: bool, memo: Memo | None = None) -> Settled:
        """As much of a text as can be judged before more of it is known; all of it where it is the `last`.

        `left` is what `settle` left of the text that went before, `memo` what it knows of that text's words.
        """
        memo, runs = memo or Memo(), Runs()
        memo.shorten()
        normalized = normalize(text, self.table, edge=left.edge)
        bad, innocent = self.lexicon.candidates(normalized, runs, memo)
        stop = len(normalized.text)
        if not last:
            stop = settled_until(self.lexicon.unfinished_from(normalized, runs), bad, innocent)
            while normalized.begin < stop < len(normalized.text) and normalized.splits(stop):
                stop = settled_until(stop - 1, bad, innocent)
        if stop <= normalized.begin:
            return Settled(len(text) if last else 0, Verdict(), left)
        surroundings = blanked(normalized, bad, left.surroundings)
        found = self._judge(normalized, bad, innocent, surroundings, memo) if bad else ()
        end = normalized.origin[stop] if stop < len(normalized.text) else len(normalized.source)
        size = end - len(left.edge)
        settled = tuple(span for span in moved(found, -len(left.edge)) if span.end <= size)
        edge = normalized.source[normalized.origin[stop - 1]]
        return Settled(size, Verdict(settled), Left(edge, surroundings.left_of(stop)))

    def _judge(
        self,
        normalized: Normalized,
        bad: Iterable[Candidate],
        innocent: Iterable[Candidate],
        surroundings: Surroundings,
        memo: Memo,
    ) -> Iterable[Span]:
        """The spans of the candidates that are bad in their surroundings, as indices of the source."""
        matches, known = [], memo.judged
        for start, stop, written in bad:
            key = id(written), surroundings.around(start, stop)
            if key not in known:
                known[key] = self._worst(written, key[1])
            worst = known[key]
            if worst is not None:
                matches.append(Match(start, stop, worst))
        covers = [word for word in innocent if not surroundings.around(word.start, word.stop).touches_blank()]
        return spans(exposed(matches, covers), normalized)

    def _worst(self, written: Written, around: Around) -> ListedWord | None:
        """The most severe of the listed words that are written there, and are meant."""
        for variant, word in written.listed:
            if stands_alone(variant, written.occurrence, around) and not self.context.excuses(
                variant, written.occurrence, around
            ):
                return word
        return None


def moved(found: Iterable[Span], by: int) -> tuple[Span, ...]:
    """Spans moved along; what comes to lie before 0 is left out."""
    if not by:
        return tuple(found)
    return tuple(
        [
            Span(max(0, start + by), end + by, category, severity)
            for start, end, category, severity in found
            if end + by > 0
        ]
    )
