"""Builds `data/lookalikes.tsv`: characters that look like a Latin letter and that NFKD does not tell.

From the Unicode confusables that the package confusable-homoglyphs ships, from character names
(LATIN SMALL LETTER O WITH STROKE, NEGATIVE SQUARED LATIN CAPITAL LETTER B), and from `FAUX` below.
Run: python -m app.guard.tools.build_lookalikes
"""

import re
import sys
import unicodedata

from confusable_homoglyphs.confusables import confusables_data  # type: ignore[import-untyped]

from app.guard.loader import LOOKALIKES

NAMED = re.compile(
    r"(?:(?:NEGATIVE |CROSSED NEGATIVE )?(?:CIRCLED|SQUARED) LATIN CAPITAL LETTER"
    r"|REGIONAL INDICATOR SYMBOL LETTER|TAG LATIN (?:CAPITAL|SMALL) LETTER"
    r"|(?:MODIFIER LETTER )?LATIN (?:CAPITAL LETTER|SMALL LETTER|LETTER SMALL CAPITAL)"
    r"(?: BARRED| OPEN| SCRIPT| DOTLESS| BLACKLETTER| LONG| STIRRUP)*)"
    r" ([A-Z])(?: WITH .*| BAR| ROTUNDA)?"
)
FAUX = {
    "Ццџ": "u", "Пп": "n", "Яя": "r", "Чч": "y", "Зз": "e", "Бб": "b", "ДдÐð": "d",
    "Ғғ": "f", "КкҚқ": "k", "И": "n", "и": "u", "Ээ": "e",
    "Ңң": "n", "Ұұ": "y", "Ҳҳ": "x", "Єє": "e", "Ґґ": "r", "Φφϕ": "o", "Ҁ": "c",
    "ʍм": "m", "κĸ": "k", "ηή": "n", "μ": "u", "ε": "e", "ς": "c", "δ": "d", "ξ": "e", "Σ": "e",
    "Λλ": "a", "Δ": "a", "π": "n",
    "ωώ": "w", "Θθ": "o", "β": "b", "ζ": "z",
    "ʊ": "u", "ɔ": "c", "ɛ": "e", "∪": "u", "∩": "n", "∨": "v", "×": "x", "℮": "e",
    "€": "3", "£": "|", "¢©": "c", "§": "$", "¥": "y", "†": "+", "¡¦": "!", "®": "r", "₩": "w", "₦": "n",
    "₭": "k", "₮": "+", "₡": "(", "฿": "8", "₴": "$", "₣": "f", "Ø": "o", "ß": "b", "💲": "$", "❗": "!",
    "•●○◦∙·★☆✱✲∗⁎■□▪▫": "*", "’‘ʼ´": "'",
    "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe",
}  # fmt: skip
"""Look-alikes that the Unicode table leaves out, since only the eye of a reader who expects Latin takes
them for one (ЯUDЕ), and symbols that stand for what an ASCII symbol stands for."""

OTHER_SCRIPTS = re.compile(
    r"ARABIC|HEBREW|SYRIAC|THAANA|NKO|ADLAM|MALAYALAM|TELUGU|KANNADA|MYANMAR|ORIYA|ETHIOPIC|SINHALA|DEVANAGARI"
    r"|GURMUKHI|GUJARATI|TAMIL|THAI|LAO|BENGALI|GEORGIAN|HANGUL|CJK|IDEOGRAPHIC|EXTENDED ARABIC"
)


def lookalikes() -> dict[str, str]:
    """Character to the ASCII it looks like, for all characters that are not folded to ASCII anyway."""
    found = {}
    for code in range(0x80, sys.maxunicode + 1):
        character = chr(code)
        named = NAMED.fullmatch(unicodedata.name(character, ""))
        if named and not _is_plain(character):
            found[character] = named[1].lower()
    for letter in map(chr, range(0x21, 0x7F)):
        for twin in confusables_data.get(letter, ()) if letter.isalpha() else ():
            _add(found, twin["c"], letter.lower())
    for character, letter in list(found.items()):
        for twin in confusables_data.get(character, ()):
            _add(found, twin["c"], letter)
    found |= {character: letter for characters, letter in FAUX.items() for character in characters}
    return dict(sorted(found.items()))


def _add(found: dict[str, str], character: str, letter: str) -> None:
    name = unicodedata.name(character, "") if len(character) == 1 else ""
    if name and not _is_plain(character) and not OTHER_SCRIPTS.match(name):
        found.setdefault(character, letter)


def _is_plain(character: str) -> bool:
    """Whether it is folded to ASCII anyway."""
    return unicodedata.normalize("NFKD", character)[0].isascii()


def rows() -> list[str]:
    """The lines of lookalikes.tsv."""
    return [
        "# Made by `python -m app.guard.tools.build_lookalikes`: character, look-alike, name.",
        *(f"{twin}\t{letter}\t{unicodedata.name(twin)}" for twin, letter in lookalikes().items()),
    ]


if __name__ == "__main__":
    LOOKALIKES.write_text("\n".join(rows()) + "\n", "utf-8")
