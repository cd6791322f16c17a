"""The rules: whether letters that spell a form are that word, or others that happen to stand there."""

import re
from collections.abc import Set as AbstractSet

from app.guard.leetspeak import is_censored, is_leet
from app.guard.occurrence import AHEAD, BEHIND, Occurrence, is_letter
from app.guard.variants import HIDDEN, Variant

VERSION = 2
"""Raised with every change of a rule; part of the guard's version."""

SHORT = 4
"""Words of fewer letters are too easily met by chance: stricter rules hold for them."""

JOINT = re.compile(r"[ \t]{0,2}[\s\-_.,'/*+~\"&]{0,2}[ \t]?")
"""What may stand between the words of a phrase."""

GAP = re.compile(r"[^a-z0-9\2\3]{1,5}")
SHORT_GAP = re.compile(r"[ .\-_]")
"""What may stand between the letters of a word that is spelled out, and of a short one."""

CUT = re.compile(r" {2}|[^a-z0-9\n'()\[\]{}\2\3]|[^a-z0-9\s'()\[\]{}\2\3]{2,3}")
"""What may stand where a word is cut in two."""

ALONE_BEFORE = re.compile(r"(?:(?<![a-z\3])[a-z\3][^a-z\3]{1,5})?(?<![a-z\3])([a-z\3])([^a-z\3]{1,5})$")
ALONE_AFTER = re.compile(r"([^a-z\3]{1,5})([a-z\3])(?![a-z])")
PRONOUNS = frozenset("aiu")
"""Letters that stand for a word of their own beside one that is spelled out."""

ARROWS = frozenset(("->", "=>", "::"))
LONELY = frozenset("bcdfpqw")
"""Letters that hardly stand alone: b itch."""

CAPITALIZED = re.compile(r"[A-Z][a-z]+")
NUMBER_BEFORE = re.compile(r"[a-z][0-9]$")
NUMBER_AFTER = re.compile(r"[0-9][a-z]")
ASSIGNED = re.compile(r" ?(?:[-+*/|&]?=(?!=)|\[|->|\+\+)")
IDENTIFIER = re.compile(r"_[a-z]")
CODE_BEFORE, CODE_AFTER = re.compile(r"[a-z]\[$"), re.compile(r"\.[a-z_]|\\|\([^ ]")
NUMBERED = re.compile(r"-[0-9]")
NOT_CUT_AFTER = re.compile(r"\. ?[a-z0-9]|'[a-z]")
GREEK_OR_CYRILLIC = re.compile(r"[\u0370-\u052f]")


def accepts(variant: Variant, occurrence: Occurrence, fragments: AbstractSet[str]) -> bool:
    """Whether the form stands at this place, which has its skeleton.

    `fragments` are ordinary words that a word cut in two may fall into: who re.
    """
    listed, inside = variant.listed, variant.inside
    if not (inside or (occurrence.opens and occurrence.closes)) or not fits(variant, occurrence):
        return False
    if listed is None:
        return occurrence.cuts == variant.joints and _joined(occurrence)
    if HIDDEN in variant.letters:
        return is_censored(variant, occurrence)
    if not _stands_free(variant, occurrence):
        return False
    if not occurrence.letter_runs.plain and not is_leet(variant, occurrence):
        return False
    cuts = occurrence.cuts
    if not cuts and inside:
        return True
    if not (occurrence.opens and occurrence.closes):
        return False
    if cuts == variant.joints:
        return _joined(occurrence)
    if len(cuts) == occurrence.last - occurrence.first - 1:
        return variant.spelled and _spelled(variant, occurrence)
    return variant.cut and occurrence.counts == variant.counts and _cut(occurrence, fragments)


def fits(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether the letters at a place with the form's skeleton are the form's.

    The skeleton does not tell i from l, for which 1, ! and | are written, and of a word that leaves no
    doubt one for the other. An innocent form is written as it is; of others a run may be stretched, but
    by one letter only if the word leaves no doubt.
    """
    text, start = occurrence.normalized.text, occurrence.letter_runs.start
    either = "1!|l" if variant.cut else "1!|"
    for run, letter in enumerate(variant.letters):
        if letter in "il" and text[start[occurrence.first + run]] not in letter + either:
            return False
    if variant.listed is None or HIDDEN in variant.letters:
        return variant.listed is not None or occurrence.counts == variant.counts
    doubt = 0 if variant.spelled else 1
    return all(
        have == want or have > want + doubt
        for have, want in zip(occurrence.counts, variant.counts, strict=True)
    )


def _joined(occurrence: Occurrence) -> bool:
    return all(JOINT.fullmatch(gap) for gap in occurrence.gaps)


def _stands_free(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether it is no part of an identifier, an id or another alphabet: ass1gn, tits = 5, ass_id, јар."""
    after = occurrence.after(4)
    if not variant.cut:
        if NUMBER_BEFORE.search(occurrence.before(2)) or NUMBER_AFTER.match(after):
            return False
        if ASSIGNED.match(after) and occurrence.text.isalpha() and occurrence.written.islower():
            return False
    if variant.size >= SHORT:
        return True
    if CODE_BEFORE.search(occurrence.before(2)) or CODE_AFTER.match(after):
        return False
    if occurrence.written.isupper() and NUMBERED.match(after):
        return False
    native = occurrence.text.isalpha() and all(
        map(GREEK_OR_CYRILLIC.match, filter(str.isalpha, occurrence.written))
    )
    return not (native or is_letter(occurrence.before(1)) or is_letter(after[:1]) or IDENTIFIER.match(after))


def _spelled(variant: Variant, occurrence: Occurrence) -> bool:
    """Whether it is f u c k, and not single letters of something longer."""
    gaps = occurrence.gaps
    separators = {gap.strip() for gap in gaps}
    if len(separators) > 1 or not all(GAP.fullmatch(gap) for gap in gaps):
        return False
    if _is_listed(occurrence, gaps[0].strip()):
        return False
    before, after = ALONE_BEFORE.search(occurrence.before(BEHIND)), ALONE_AFTER.match(occurrence.after(AHEAD))
    left = before is not None and before[2].strip() in separators
    right = after is not None and after[1].strip() in separators
    if variant.size < SHORT:
        alike = len(set(gaps)) == 1 and SHORT_GAP.fullmatch(gaps[0])
        apart = len(gaps) == variant.size - 1
        return (
            bool(alike)
            and apart
            and not left
            and not right
            and occurrence.written.upper() != occurrence.written
        )
    if variant.inside:
        return True
    pronoun = before is not None and before[1] in PRONOUNS and before.start() == before.start(1)
    return (pronoun or not left) and (not right or (after is not None and after[2] in PRONOUNS))


def _is_listed(occurrence: Occurrence, separator: str) -> bool:
    """Whether the letters are arguments, a list or a set of characters: f(u, c, k), int f, u; [s-h-i-t]."""
    opening, closing = occurrence.before(2).strip()[-1:], occurrence.after(2).strip()[:1]
    if "," in separator:
        return len(separator) > 1 or closing == ";" or (opening + closing) in {"()", "[]", "{}"}
    return separator == "-" and opening + closing == "[]"


def _cut(occurrence: Occurrence, fragments: AbstractSet[str]) -> bool:
    """Whether it is fu ck, and not words of their own such as who re, and Shi Ting."""
    pieces, gaps = occurrence.pieces, occurrence.gaps
    if occurrence.before(1) == "'" or NOT_CUT_AFTER.match(occurrence.after(3)):
        return False
    even = len(set(gaps)) == 1 and not gaps[0].isspace()
    if not (len(pieces) <= 3 or even) or not all(CUT.fullmatch(gap) for gap in gaps):
        return False
    if any(map(str.isspace, gaps)) and not all(piece.text.isalpha() for piece in pieces):
        return False
    if not ARROWS.isdisjoint(gaps):
        return False
    long = [piece for piece in pieces if len(piece.text) > 1]
    if any(CAPITALIZED.fullmatch(piece.written) for piece in long if piece is not pieces[0]):
        return False
    lonely = len(pieces) - len(long) > 1 or pieces[0].text in LONELY
    return lonely or any(piece.text not in fragments for piece in long)
