"""Guards from files, read again when the operator's lists change."""

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

from app.guard.automaton import automaton
from app.guard.candidates import Lexicon
from app.guard.context import Context
from app.guard.guard import Guard
from app.guard.inflection import inflect, joined
from app.guard.letter_runs import LEET
from app.guard.misspelling import mistyped
from app.guard.normalize import CharacterTable
from app.guard.rules import SHORT, VERSION
from app.guard.variants import Variant, hidden_variants, plain_variants
from app.guard.verdict import Thresholds
from app.guard.word_list import (
    ListedWord,
    MalformedListError,
    lines,
    read_contexts,
    read_listed_words,
    read_words,
)

DATA = Path(__file__).parent / "data"
CURATED, STOCK = DATA / "curated.tsv", DATA / "better_profanity.tsv"
INNOCENT, TAILS = DATA / "innocent.txt", DATA / "tails.txt"
HEADS, FRAGMENTS = DATA / "heads.txt", DATA / "fragments.txt"
FOREIGN, CONTEXTS = DATA / "foreign.txt", DATA / "contexts.txt"
ALIKE, PLACES = DATA / "alike.txt", DATA / "places.txt"
LOOKALIKES = DATA / "lookalikes.tsv"
BUILT_IN = (CURATED, STOCK, INNOCENT, HEADS, TAILS, FRAGMENTS, FOREIGN, CONTEXTS, ALIKE, PLACES, LOOKALIKES)

Stamp = tuple[int, int] | None
log = logging.getLogger(__name__)


def load_guard(*, allow_file: Path | None, deny_file: Path | None, thresholds: Thresholds) -> Guard:
    """A guard from the built-in lists and the operator's two; takes about half a second.

    Raises:
        MalformedListError: If a list cannot be read; says the file and the line.
    """
    lists = (CURATED, STOCK, deny_file) if deny_file else (CURATED, STOCK)
    listed_words = [listed for path in lists for listed in read_listed_words(path)]
    allowed = read_words(allow_file) if allow_file else []
    digest = hashlib.sha256(repr((VERSION, thresholds)).encode())
    for path in (*BUILT_IN, allow_file, deny_file):
        digest.update(path.read_bytes() if path else b"-")
    return make_guard(listed_words, allowed, thresholds, digest.hexdigest()[:12])


def make_guard(
    listed_words: Iterable[ListedWord], allowed: Iterable[str], thresholds: Thresholds, version: str
) -> Guard:
    """A guard for these entries that lets the allowed words and the built-in innocent ones pass."""
    table = CharacterTable({line[0]: line.split("\t")[1] for _, line in lines(LOOKALIKES)})
    excused = {_letters(word, table) for word in allowed}
    innocent = excused | {_letters(word, table) for word in read_words(INNOCENT)}
    words = {variant for phrase in innocent for variant in plain_variants(phrase, None)}
    hidden: set[Variant] = set()
    listed_words = list(listed_words)
    heads, tails = read_words(HEADS), read_words(TAILS)
    alike = {*read_words(ALIKE), *(_letters(listed.word, table) for listed in listed_words)}
    for listed in listed_words:
        base = _letters(listed.word, table)
        if listed.severity < thresholds.lowest(listed.category) or base in excused:
            continue
        for word in inflect(base, listed.traits, tails):
            words.update(plain_variants(word, listed))
            if listed.spelled and " " not in word and len(word) >= SHORT:
                hidden.update(hidden_variants(word, base if base in word else word, listed))
        plain = ListedWord(base, listed.category, listed.severity)
        for word in joined(base, listed.traits, heads):
            words.update(plain_variants(word, plain))
        for word in mistyped(base, listed.traits):
            if word not in alike:
                words.update(plain_variants(word, plain))
    return Guard(
        table,
        Lexicon(automaton(words), automaton(hidden), frozenset(read_words(FRAGMENTS))),
        Context(frozenset(read_words(FOREIGN)), read_contexts(CONTEXTS), frozenset(read_words(PLACES))),
        version,
    )


class GuardFiles:
    """The guard of the operator's allow- and deny-list as they are now.

    A list that has become malformed is reported once, in the log and in `error`, and the last good
    guard stays. Raises `MalformedListError` only if there has never been a good one.
    """

    def __init__(self, allow_file: Path | None, deny_file: Path | None, thresholds: Thresholds) -> None:
        self.allow_file = allow_file
        self.deny_file = deny_file
        self.thresholds = thresholds
        self.error: str | None = None
        self._guard: Guard | None = None
        self._stamps: tuple[Stamp, Stamp] | None = None

    def current(self) -> Guard:
        """The guard; looks at the files' time and size, and reads them only if these have changed."""
        stamps = (_stamp(self.allow_file), _stamp(self.deny_file))
        if self._guard is None or stamps != self._stamps:
            self._guard = self._read(self._guard)
            self._stamps = stamps
        return self._guard

    def _read(self, last: Guard | None) -> Guard:
        try:
            guard = load_guard(
                allow_file=self.allow_file, deny_file=self.deny_file, thresholds=self.thresholds
            )
        except MalformedListError as error:
            if last is None:
                raise
            self.error = str(error)
            log.error("guard keeps its last good lists: %s", error)
            return last
        self.error = None
        return guard


def _stamp(path: Path | None) -> Stamp:
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status else None


def _letters(phrase: str, table: CharacterTable) -> str:
    """A phrase in the letters a to z, its words parted by single spaces."""
    normalized = "".join(map(table.expand, phrase))
    letters = (LEET.get(letter, letter) for letter in normalized if letter != "'")
    return " ".join("".join(letter if letter.isalpha() else " " for letter in letters).split())
