"""Builds `data/words.tsv` from the list of better-profanity, `data/curated.tsv` and `data/off.tsv`.

A curated word comes as it is written there. A word of better-profanity is left out where off.tsv names
it or a curated word finds it anyway, and comes as clear profanity otherwise.
Run: python -m app.guard.build_words
"""

from pathlib import Path

import better_profanity

from app.guard.loader import CURATED, OFF, WORDS, make_guard
from app.guard.verdict import EVERYTHING
from app.guard.word_list import lines, read_listed_words, read_words

STOCK = Path(better_profanity.__file__).parent / "profanity_wordlist.txt"


def rows() -> list[str]:
    """The lines of words.tsv."""
    guard = make_guard(read_listed_words(CURATED), [], EVERYTHING, "")
    off = {line.split("\t")[0] for _, line in lines(OFF)}
    added = [word for word in read_words(STOCK) if word not in off and not guard.check(word).flagged]
    return [
        "# Made by `python -m app.guard.build_words`; edit curated.tsv and off.tsv, not this file.",
        *(line for _, line in lines(CURATED)),
        *(f"{word}\tprofanity\t2" for word in added),
    ]


if __name__ == "__main__":
    WORDS.write_text("\n".join(rows()) + "\n", "utf-8")
