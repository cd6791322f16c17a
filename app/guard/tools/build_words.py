"""Builds `data/better_profanity.tsv`: the words of better-profanity that the guard takes over as they are.

A word of theirs is left out where `data/better_profanity_dropped.tsv` names it or a curated word finds it.
The others are profanity of severity 2.
Run: python -m app.guard.tools.build_words
"""

from pathlib import Path

import better_profanity

from app.guard.loader import CURATED, DATA, STOCK, make_guard
from app.guard.verdict import EVERYTHING
from app.guard.word_list import lines, read_listed_words, read_words

DROPPED = DATA / "better_profanity_dropped.tsv"
THEIRS = Path(better_profanity.__file__).parent / "profanity_wordlist.txt"


def rows() -> list[str]:
    """The lines of better_profanity.tsv."""
    guard = make_guard(read_listed_words(CURATED), [], EVERYTHING, "")
    off = {line.split("\t")[0] for _, line in lines(DROPPED)}
    added = [word for word in read_words(THEIRS) if word not in off and not guard.check(word).flagged]
    return [
        "# Made by `python -m app.guard.tools.build_words` after an edit of curated.tsv or dropped words.",
        *(f"{word}\tprofanity\t2" for word in added),
    ]


if __name__ == "__main__":
    STOCK.write_text("\n".join(rows()) + "\n", "utf-8")
