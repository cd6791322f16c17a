"""The rules of writing: whether the letters of an occurrence spell a word, and in which way.

They look at nothing but the occurrence itself. What stands around it is judged by `neighbours` and `context`.
"""

import re

from app.guard.leetspeak import is_leet
from app.guard.occurrence import Occurrence
from app.guard.variants import Variant

VERSION = 4
"""Raised with every change of a rule; part of the guard's version."""

SHORT = 4
"""Words of fewer letters are too easily met by chance: stricter rules hold for them."""

JOINT = re.compile(r"[ \t]{0,2}[\s\-_.,'/*+~\"&]{0,2}[ \t]?")
"""What may stand between the words of a phrase."""

GAP = re.compile(r"[^a-z0-9\2-\4]{1,5}")
SHORT_GAP = re.compile(r"[ .\-_]")
"""What may stand between the letters of a word that is spelled out, and of a short one."""

CUT = re.compile(r" {2}|[^a-z0-9\n'()\[\]{}\2-\4]|[^a-z0-9\s'()\[\]{}\2-\4]{2,3}")
"""What may stand where a word is cut in two."""

BRACKETS = frozenset(("()", "[]", "{}"))
DIGIT = re.compile(r"[0-9]")
"""What may stand in a word as if by mistake: fu(c)k, fu2ck."""

ARROWS = frozenset(("->", "=>", "::"))
PIECES = 3
"""Into so many pieces a word may be cut by gaps that differ."""

BOTH = 2
"""Gaps of a word with letters in brackets."""

LONELY = frozenset("bcdfpqw")
"""Letters that hardly stand alone: b itch."""

CAPITALIZED = re.compile(r"[A-Z][a-z]+")


def is_written(variant: Variant, occurrence: Occurrence, fragments: frozenset[str]) -> bool:
    """Whether a variant is written here, where its skeleton is, in one of the ways that it allows.

    | gaps | written | example | allowed for |
    | --- | --- | --- | --- |
    | none | inside a word | un██████able | words that are bad inside every word |
    | none, or between the words of a phrase | whole | b█████, son of a b█████ | all |
    | between all runs of letters | spelled out | f.█.█.k | words that leave no doubt |
    | some | cut | f█ ██ | words that leave no doubt even so |

    Any of these may have digits and symbols for letters. `fragments` are ordinary words that a word cut
    in two may fall into.
    """
    if not has_letters(variant, occurrence):
        return False
    if variant.listed is not None and not occurrence.letter_runs.plain and not is_leet(variant, occurrence):
        return False
    gaps = len(occurrence.cuts)
    if not gaps and variant.inside:
        return True
    if not (occurrence.opens and occurrence.closes):
        return False
    if occurrence.cuts == variant.joints:
        return all(map(JOINT.fullmatch, occurrence.gaps))
    if gaps == len(variant.letters) - 1:
        return variant.spelled and _is_spelled_out(variant, occurrence)
    return variant.cut and occurrence.counts == variant.counts and _is_cut(occurrence, fragments)


def has_letters(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether the letters of an occurrence of a variant's skeleton are the variant's.

    The skeleton does not tell i from l, for which 1, ! and | are written, and of a word that leaves no
    doubt one for the other. An innocent word is written as it is; of others a run may be stretched, but
    by one letter only if the word leaves no doubt.
    """
    have, want = occurrence.counts, variant.counts
    if have != want:
        if variant.listed is None:
            return False
        doubt = 0 if variant.spelled else 1
        for count, least in zip(have, want, strict=True):
            if count != least and count <= least + doubt:
                return False
    if not variant.ambiguous:
        return True
    text, start, first = occurrence.normalized.text, occurrence.letter_runs.start, occurrence.first
    either = "1!|l" if variant.cut else "1!|"
    return all(text[start[first + run]] in letter + either for run, letter in variant.ambiguous)


def _is_spelled_out(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether one separator stands between the letters: s h ██, f.█.█.k.

    A short word needs the same single separator everywhere, every letter alone and not all capitals:
    a.█.█, but neither A.S.A. nor as s.
    """
    gaps = occurrence.gaps
    if not all(map(GAP.fullmatch, gaps)) or len({gap.strip() for gap in gaps}) > 1:
        return False
    if variant.size >= SHORT:
        return True
    same = len(set(gaps)) == 1 and SHORT_GAP.fullmatch(gaps[0]) is not None
    return same and len(gaps) == variant.size - 1 and occurrence.written.upper() != occurrence.written


def _is_cut(occurrence: Occurrence, fragments: frozenset[str]) -> bool:
    """Whether it is one word cut into pieces (f█ ██), and not words of their own: who re, Shi Ting."""
    pieces, gaps = occurrence.pieces, occurrence.gaps
    if _has_brackets(occurrence, fragments) or _has_digit(occurrence, fragments):
        return True
    if not all(map(CUT.fullmatch, gaps)) or not ARROWS.isdisjoint(gaps):
        return False
    if len(pieces) > PIECES and (len(set(gaps)) > 1 or gaps[0].isspace()):
        return False
    if any(map(str.isspace, gaps)) and not occurrence.body.isalpha():
        return False
    normalized = occurrence.normalized
    if any(CAPITALIZED.fullmatch(normalized.written(*piece)) for piece in pieces[1:]):
        return False
    texts = [normalized.text[start:stop] for start, stop in pieces]
    several = [text for text in texts if len(text) > 1]
    return len(texts) - len(several) > 1 or texts[0] in LONELY or not fragments.issuperset(several)


def _has_brackets(occurrence: Occurrence, fragments: frozenset[str]) -> bool:
    """Whether letters of a word are in brackets: b(i)tch, (f)uck, sh[it]; but neither dic[k] nor (s)hit."""
    gaps = occurrence.gaps
    if len(gaps) == BOTH:
        return gaps[0] + gaps[1] in BRACKETS and occurrence.body.isalpha()
    if len(gaps) > 1 or not occurrence.body.isalpha():
        return False
    text, (begin, end) = occurrence.normalized.text, _halves(occurrence)
    before, after = text[occurrence.start - 1 : occurrence.start], text[occurrence.stop : occurrence.stop + 1]
    if before + gaps[0] in BRACKETS:
        return begin in LONELY or end not in fragments
    return gaps[0] + after in BRACKETS and begin not in fragments


def _has_digit(occurrence: Occurrence, fragments: frozenset[str]) -> bool:
    """Whether one digit is in a word that has no other at its sides: shi8t, but neither s2hit nor 8bit2ch."""
    gaps = occurrence.gaps
    if len(gaps) > 1 or not DIGIT.fullmatch(gaps[0]) or not occurrence.body.isalpha():
        return False
    text, (begin, end) = occurrence.normalized.text, _halves(occurrence)
    sides = text[occurrence.start - 1 : occurrence.start] + text[occurrence.stop : occurrence.stop + 1]
    if DIGIT.search(sides):
        return False
    known = (begin, end) if len(begin) > 1 else (end,)
    return begin in LONELY or not fragments.issuperset(known)


def _halves(occurrence: Occurrence) -> tuple[str, str]:
    """The normalized text before and after the only gap."""
    text = occurrence.normalized.text
    (start, middle), (begin, stop) = occurrence.pieces
    return text[start:middle], text[begin:stop]
