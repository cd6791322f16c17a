"""The rules about neighbours: whether the letters of a word stand for themselves.

They may be part of an identifier, a number, a list of letters or another alphabet instead. Nothing that is
said here leans on a listed word nearby: those are blanked in the surroundings.
"""

import re
from string import digits

from app.guard.normalize import MASKED, OTHER
from app.guard.occurrence import BEHIND, Occurrence
from app.guard.rules import SHORT
from app.guard.surroundings import BLANK, BLANK_CAPITAL, BLANK_DIGIT, BLANKS, DIGIT, IN_WORD, Around
from app.guard.variants import HIDDEN, Variant

ALONE_BEFORE = re.compile(
    rf"(?:(?<![{IN_WORD}])[{IN_WORD}][^{IN_WORD}]{{1,5}})?(?<![{IN_WORD}])([{IN_WORD}])([^{IN_WORD}]{{1,5}})$"
)
ALONE_AFTER = re.compile(rf"([^{IN_WORD}]{{1,5}})([{IN_WORD}])(?![{IN_WORD}])")
LETTERS = frozenset((MASKED, OTHER, BLANK, BLANK_CAPITAL))
PRONOUNS = frozenset("aiu")
"""Letters that stand for a word of their own beside one that is spelled out."""

BEFORE = re.compile(rf"(?P<number>[a-z{MASKED}{BLANK}{BLANK_CAPITAL}][{DIGIT}])|(?P<code>[a-z]\[)")
AFTER = re.compile(
    rf"(?P<number>[{DIGIT}][a-z{MASKED}{BLANK}{BLANK_CAPITAL}])"
    r"|(?P<assigned> ?(?:[-+*/|&:]?=(?!=)|\[|->|\+\+))"
    rf"|(?P<code>\.[a-z_]|\\|\([^ {''.join(BLANKS)}]|_[a-z])"
    r"|(?P<numbered>-[0-9])"
)
"""What stands right before and after a part of an identifier or an id."""

INSULTING = {
    *("you", "your", "ur", "suck", "sucking", "kiss", "lick", "eat", "dumb", "stupid", "big", "fat", "lazy"),
    *("fucking", "little", "ugly", "silly", "bloody", "crazy", "hot", "tight", "wet"),
}
"""Words that insult together with the word behind them."""

COMPOSED = INSULTING | {
    *("a", "an", "my", "the", "this", "that", "such", "his", "her", "their", "our", "some", "old", "bad"),
    *("fine", "sad", "sorry", "smart", "hard", "cheap", "dirty", "nasty", "sweet", "nice", "huge"),
}
PART_BEFORE = re.compile(r"(?:^|[^A-Za-z])(?:[A-Za-z]*[a-z])??([A-Z]?[a-z]+|A)_?$")
"""The last word of an identifier that goes on: dumb_, isSuchAn."""

PROGRAM = r"(?:if|and|or|in|is|not|for|else|as|mod|div|then|do|unless|where|xor|from)\b"
SAID = re.compile(
    r" ?(?:[:=]?=|->) ?(?:"
    r"(?:my|your|his|her|our|their|this|that|you|u|he|she|they|him|them|me|us|hers|yours|mine|theirs"
    r"|everyone|someone|anyone|everything|nobody)\b"
    rf"(?![.(\[]| {PROGRAM})"
    r"|(?!(?:not|new|await|yield|lambda|async|function|typeof|delete|void|let|mut|ref|unsafe|type|case)\b)"
    rf"[a-z]+ (?!{PROGRAM})[a-z]{{2}})"
)
"""What follows a word that is said to be something, as no program has it: = my neighbour, = people who."""

KEY_BEFORE, KEY_AFTER = re.compile(r"[\[(,{] ?[\"']$"), re.compile(r"[\"'] ?[\]),}:]")
"""What stands around the name of a column: ["x", "y"]."""

MEMBER_BEFORE = re.compile(r"[a-z0-9_\])]\$$|\b(?:df|dt|data|self|this|row|obj|frame|table)\.$|[a-z0-9_]\($")
"""What stands before the name of a member or an argument: df.x, df$x, sum(x)."""

NOT_CUT_AFTER = re.compile(r"\. ?[a-z0-9]|'[a-z]")
GREEK_OR_CYRILLIC = re.compile(r"[\u0370-\u052f]")

SYMBOL_ASSIGNED = re.compile(r" ?(?:[-+*/.]?=|->|\[|;|\+\+|--)")
"""What follows a variable: $hit = 5."""

VARIABLE = re.compile(r" [-+*/]?= ")
DIGITS = re.compile(r"[0-9]")
DIGITS_AROUND = frozenset(digits + MASKED + BLANK_DIGIT)
HEXADECIMAL = re.compile(r"[0-9a-f]+")
HEX_DIGIT = rf"a-f{DIGIT}"
HEX_BEFORE = re.compile(rf"0x$|[#=]$|[{HEX_DIGIT}]-$|[0-9]:$")
HEX_AFTER = re.compile(rf"-[{HEX_DIGIT}]|:[{HEX_DIGIT}:]")
"""What stands beside a part of a number to the base of 16: 0xbada55, #a55, id=a55, 123e4567-a55e."""


def stands_alone(variant: Variant, occurrence: Occurrence, around: Around) -> bool:
    """Whether a listed word that is written here is that word, as far as its neighbours tell."""
    if HIDDEN in variant.letters:
        return not _is_operator(variant, occurrence, around)
    if _is_identifier(variant, occurrence, around):
        return False
    if not occurrence.letter_runs.plain and _is_code(occurrence, around):
        return False
    gaps = len(occurrence.cuts)
    if not gaps or occurrence.cuts == variant.joints:
        return True
    if gaps == len(variant.letters) - 1:
        return not _is_list(variant, occurrence, around)
    apostrophe = around.before[-1:] == "'"
    return not (apostrophe or NOT_CUT_AFTER.match(around.after[:3]))


def is_letter(character: str) -> bool:
    """Whether a character of the surroundings is a letter; a masked one is."""
    return character.isalpha() or character in LETTERS


def _is_identifier(variant: Variant, occurrence: Occurrence, around: Around) -> bool:
    """Whether it is part of an identifier, an id or another alphabet: a██1gn, t███ = 5, a██_id, јар."""
    before, after = around.before[-2:], around.after[:4]
    found_before, found_after = BEFORE.fullmatch(before), AFTER.match(after)
    kind_before = found_before.lastgroup if found_before else None
    kind_after = found_after.lastgroup if found_after else None
    if not variant.cut:
        if kind_before == "number" or kind_after == "number":
            return True
        if kind_after == "assigned" and occurrence.text.isalpha() and occurrence.written.islower():
            return not SAID.match(around.after)
        if KEY_BEFORE.search(around.before[-3:]) and KEY_AFTER.match(after):
            return True
    if variant.size >= SHORT:
        return False
    if MEMBER_BEFORE.search(around.before[-8:]) or _is_last_part(around):
        return True
    if kind_before == "code" or kind_after == "code" or is_letter(after[:1]):
        return True
    written = occurrence.written
    if kind_after == "numbered" and written.isupper():
        return True
    foreign = not written.isascii() and occurrence.text.isalpha()
    return foreign and all(map(GREEK_OR_CYRILLIC.match, filter(str.isalpha, written)))


def _is_last_part(around: Around) -> bool:
    """Whether it ends an identifier: total_a██, but neither dumb_a██ nor suchAnA██."""
    joined = is_letter(around.before[-1:])
    if not joined and around.before[-1:] != "_":
        return False
    part = PART_BEFORE.search(around.cased_before)
    return joined if part is None else part[1].lower() not in COMPOSED


def _is_code(occurrence: Occurrence, around: Around) -> bool:
    """Whether what looks like a word with symbols is part of a number or a name in a program."""
    body, before = occurrence.body, around.before[-2:]
    after = around.after[:4]
    if DIGITS.search(body):
        if before[-1:] in DIGITS_AROUND or after[:1] in DIGITS_AROUND:
            return True
        if HEXADECIMAL.fullmatch(body) and (HEX_BEFORE.search(before) or HEX_AFTER.match(after)):
            return True
    follows = is_letter(before[-1:]) and not body[0].isalpha()
    goes_on = is_letter(after[:1]) and not body[-1].isalpha()
    in_call = "(" in body and (after[:1] == ")" or not occurrence.closes)
    variable = body[0] in "$@" and SYMBOL_ASSIGNED.match(after)
    return bool(follows or goes_on or in_call or variable)


def _is_operator(variant: Variant, occurrence: Occurrence, around: Around) -> bool:
    """Whether the symbols that would hide letters are an operator, bold type or an address: f * k = 3."""
    after = around.after[:4]
    if VARIABLE.match(after) or ("-" in occurrence.text and after[:1] == "'"):
        return True
    if not variant.letters.endswith(HIDDEN):
        return False
    before = around.before[-1 if len(variant.letters) == 2 else -BEHIND :]
    return after[:1] == "@" or HIDDEN in before or before[-1:] == "\\"


def _is_list(variant: Variant, occurrence: Occurrence, around: Around) -> bool:
    """Whether letters that are spelled out belong to something longer: c l a s s, f(u, c, k), [s-h-i-t].

    A letter of its own beside them does, unless it is a pronoun (I s h █ █) or the word is bad inside
    every longer one.
    """
    separator = occurrence.gaps[0].strip()
    opening = around.before[-2:].strip()[-1:]
    closing = around.after[:2].strip()[:1]
    if "," in separator and (len(separator) > 1 or closing == ";" or opening + closing in {"()", "[]", "{}"}):
        return True
    if separator == "-" and opening + closing == "[]":
        return True
    if variant.inside and variant.size >= SHORT:
        return False
    before = ALONE_BEFORE.search(around.before)
    after = ALONE_AFTER.match(around.after)
    left = before is not None and before[2].strip() == separator
    right = after is not None and after[1].strip() == separator
    if variant.size >= SHORT:
        left = left and not (
            before is not None and before[1] in PRONOUNS and before.start() == before.start(1)
        )
        right = right and not (after is not None and after[2] in PRONOUNS)
    return left or right
