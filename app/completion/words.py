"""Where a suggestion ends: whole words, a sentence or a line, and how sure each word is.

A word is Unicode's (UAX #29), with what stands before it: ", and". It is complete when something follows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import regex

from app.engine.messages import Score

Until = Literal["word", "sentence", "line", "token"]

BOUNDARY = regex.compile(r"(?w)\b")
SENTENCE_END = regex.compile(r"""[.!?…]["')\]»”’]*(?=\s)|[。！？]|\n""")

APOSTROPHES = ("'", "’")
LATER_WORDS = 0.01
"""Share of `min_confidence` to which the product may fall behind the first word.

Words that follow a sure one cost nothing where they are wrong: what is taken is what is right. With 1, three
of ten saved keystrokes are lost, with 0 the text is half as long again (docs/measurements/typing.md).
"""


@dataclass(frozen=True, slots=True)
class _Token:
    """A token's characters as offsets into the text, and how sure it was."""

    start: int
    score: Score


class WordScanner:
    """Passes a suggestion on word by word, as far as it may go.

    Attributes:
        until: What ends the suggestion; None where nothing but its tokens does.
        min_confidence: The first word is passed on if it is as sure as this; each later one while the product
            of all words is at least `LATER_WORDS` of it.
        confidences: Of each word passed on or refused, given the words before it.
        found: Why it has ended; None while it may go on.
    """

    def __init__(self, until: Until | None, min_confidence: float = 0.0) -> None:
        self.until = until
        self.min_confidence = min_confidence
        self.confidences: list[float] = []
        self.found: Literal["stop", "confidence"] | None = None
        self._tokens: list[_Token] = []
        self._scored = 0
        self._text = ""
        self._passed = 0
        self._product = 1.0
        self._least = min_confidence

    def add(self, start: int, score: Score) -> None:
        """A token whose characters begin at `start`."""
        self._tokens.append(_Token(start, score))

    def push(self, text: str) -> str:
        """The words that are complete now."""
        self._text += text
        if self.until == "token" and not self.min_confidence:
            return self._pass(len(self._text), len(self._text))
        return self._words(ended=False)

    def finish(self, *, cut: bool) -> str:
        """The rest; where the suggestion was cut, without the word that may be unfinished."""
        if self.found is not None:
            return ""
        if self.until == "token" and not self.min_confidence:  # all is passed on already, but not judged
            known = [self._confidence(end) for end, _ in self._ends(0, last=True)]
            self.confidences = [each for each in known if each is not None]
        text = self._words(ended=not cut or self.until == "token", last=True)
        if cut and self.until != "token" and self.found is None:
            rest = self._text[self._passed :]
            marks = len(rest) - len(rest.lstrip(".,;:!?…)]}\"'»”’。，！？"))
            text += self._pass(self._passed + marks, len(self._text))
        return text

    def _words(self, *, ended: bool, last: bool = False) -> str:
        """Pass on each complete word; at the end of the text the last one is complete, too."""
        shown = ""
        for end, complete in self._ends(self._passed, last=last):
            if self.found is not None or not (complete or ended):
                break
            confidence = self._confidence(end)
            if confidence is not None:
                self.confidences.append(confidence)
                self._product *= confidence
                if self._product < self._least:
                    self.found = "confidence"
                    break
                self._least = LATER_WORDS * self.min_confidence
            shown += self._pass(end, end)
        if ended and self.found is None:
            shown += self._pass(len(self._text), len(self._text))
        return shown

    def _ends(self, begin: int, *, last: bool) -> list[tuple[int, bool]]:
        """Ends of the words from a place on, and whether each stays one whatever follows.

        A mark alone behind a word may join it with what comes next ("don" and "'" with "t"). If nothing
        comes, only an apostrophe leaves the word unfinished.
        """
        rest = self._text[begin:]
        places = [match.start() for match in BOUNDARY.finditer(rest)]
        places += [len(rest)] if not places or places[-1] < len(rest) else []
        ends, start = [], 0
        for place in places:
            if any(character.isalnum() for character in rest[start:place]):
                ends.append((begin + place, _is_end(rest[place:], last=last)))
            start = place
        return ends

    def _confidence(self, end: int) -> float | None:
        """Probability of the word that ends there, and that it does; None where tokens have no scores."""
        if not self._tokens:
            return None
        value = 0.0
        while self._scored < len(self._tokens) and self._tokens[self._scored].start < end:
            value += self._tokens[self._scored].score.chosen
            self._scored += 1
        following = self._tokens[self._scored : self._scored + 1]
        if following and following[0].start == end:
            value += following[0].score.ended
        return math.exp(min(0.0, value))

    def _pass(self, end: int, limit: int) -> str:
        """Pass on the text up to `end`, or less where the unit that was asked for ends before `limit`."""
        stop = self._unit_end(limit)
        if stop is not None and stop <= end:
            self.found, end = "stop", stop
        text = self._text[self._passed : end]
        self._passed = max(self._passed, end)
        return text

    def _unit_end(self, limit: int) -> int | None:
        """Where the word, sentence or line that was asked for ends; None where it has not."""
        match self.until:
            case "word":
                return limit if any(c.isalnum() for c in self._text[:limit]) else None
            case "sentence":
                found = SENTENCE_END.search(self._text)
                return None if found is None else found.end() if found[0] != "\n" else found.start()
            case "line":
                at = self._text.find("\n")
                return None if at < 0 else at
        return None


def _is_end(following: str, *, last: bool) -> bool:
    """Whether a word has ended before this text."""
    if len(following) == 1 and not following.isspace():
        return last and following not in APOSTROPHES
    return following != ""
