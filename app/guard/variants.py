"""Variants: a word as the automaton looks for it, letters in runs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, groupby

from app.guard.letter_runs import COARSE
from app.guard.word_list import ListedWord

HIDDEN = "*"
VOWELS = "aeiouy"
MOST_VOWELS, LONGEST_ENDING = 4, 3
SHORTEST = "fuck"
"""The word that any symbols may hide: f@#k."""

ALONE = {"fuck", "shit", "bitch", "cunt", "nigger", "faggot", "bastard", "asshole", "whore"}
"""The words that one or two letters are enough for: f***, sh**."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Run `k` is letter `letters[k]`, at least `counts[k]` times; a gap stands before each run in `joints`.

    `listed` is None where the variant is innocent. `hidden` is the letter that a `*` stands for, or as
    many `*` as there are letters. What rules ask for again and again is computed once: `size` is the number
    of its letters; `inside`, whether it is bad inside a longer word too; `spelled` and `cut`, whether it
    leaves no doubt, and none even cut in two (see `ListedWord`); `ambiguous` has its runs of i and l,
    `hidden_run` is the first run of hidden letters, or -1.
    """

    letters: str
    counts: tuple[int, ...]
    joints: tuple[int, ...]
    listed: ListedWord | None
    hidden: str = ""
    size: int = field(init=False, compare=False, repr=False)
    inside: bool = field(init=False, compare=False, repr=False)
    spelled: bool = field(init=False, compare=False, repr=False)
    cut: bool = field(init=False, compare=False, repr=False)
    ambiguous: tuple[tuple[int, str], ...] = field(init=False, compare=False, repr=False)
    hidden_run: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compute what does not change."""
        listed = self.listed
        object.__setattr__(self, "size", sum(self.counts))
        object.__setattr__(self, "inside", listed is not None and listed.inside and not self.hidden)
        object.__setattr__(self, "spelled", listed is not None and listed.spelled)
        object.__setattr__(self, "cut", listed is not None and listed.cut)
        ambiguous = tuple([(run, letter) for run, letter in enumerate(self.letters) if letter in "il"])
        object.__setattr__(self, "ambiguous", ambiguous)
        object.__setattr__(self, "hidden_run", self.letters.find(HIDDEN))

    @property
    def gapped(self) -> bool:
        """Whether there may be gaps in it."""
        return bool(self.joints) or (self.spelled and not self.hidden)

    @property
    def skeleton(self) -> bytes:
        """What the automaton sees of it."""
        return self.letters.encode("ascii").translate(COARSE)


def plain_variants(phrase: str, listed: ListedWord | None) -> Iterator[Variant]:
    """The variants of a word or of a phrase whose words are parted by single spaces."""
    words = phrase.split(" ")
    if len(words) > 1:
        yield _runs(words, listed)
    solid = "".join(words)
    whole = _runs([solid], listed)
    yield whole
    if listed is not None and len(whole.letters) < len(solid):
        yield Variant(solid, (1,) * len(solid), (), listed)


def hidden_variants(word: str, base: str, listed: ListedWord) -> Iterator[Variant]:
    """The variants of a word with letters hidden: neighbours in its base, vowels, or all but the ends.

    The first letter stays, and the last one but in f*** and its like, for a word before ** ends in bold type.
    Variants that are judged alike are equal, since their listed word says no more than it has to.

    Raises:
        ValueError: If the base is no part of the word.
    """
    kind = ListedWord(SHORTEST if SHORTEST in word else base[0], listed.category, listed.severity)
    begin = max(word.index(base), 1)
    end = word.index(base) + len(base)
    blocks = {(start, stop) for start in range(begin, end) for stop in range(start + 1, end + 1)}
    if len(word) - len(base) <= LONGEST_ENDING:
        blocks.add((1, len(word) - 1))
    for start, stop in blocks:
        if stop < len(word) or (word in ALONE and start <= 2 <= stop - start):
            letters = word[start:stop] if stop - start == 1 else HIDDEN * (stop - start)
            yield _runs([word[:start] + HIDDEN + word[stop:]], kind, letters)
    vowels = [at for at, letter in enumerate(word) if at and letter in VOWELS][:MOST_VOWELS]
    for size in range(2, len(vowels) + 1):
        for chosen in combinations(vowels, size):
            partly = "".join(HIDDEN if at in chosen else letter for at, letter in enumerate(word))
            yield _runs([partly], kind, VOWELS[0])


def _runs(words: list[str], listed: ListedWord | None, hidden: str = "") -> Variant:
    letters, counts, joints = "", [], []
    for word in words:
        joints.append(len(letters))
        for letter, run in groupby(word):
            letters += letter
            counts.append(len(list(run)))
    return Variant(letters, tuple(counts), tuple(joints[1:]), listed, hidden)
