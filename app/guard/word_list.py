"""One line of a word list."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.guard.verdict import CATEGORIES

DENIED = ("profanity", 3)
"""What a word of the deny-list is if its line does not say."""


class MalformedListError(ValueError):
    """A word list has a line that cannot be read; says the file, the line's number and what is wrong."""


@dataclass(frozen=True, slots=True)
class ListedWord:
    """A word or a phrase, its category, its severity (1 to 3) and how it may be written.

    `traits` is a set of letters:
    `s` takes a plural; `v` verb endings; `y` adjective endings; `c` compounds such as -head.
    `i` counts inside a longer word too.
    `n` is also a name (Dick Francis), `p` a first name too (ask Dick); `f` is also a word of another
    language (sehr dick); `j` also joins two words (kitchen-cum-diner).
    `w` may be written together with a word before it (stupidbitch).
    `m` may be mistyped and repeated (bicth, bytch, shitshit).
    `1` may be spelled out (f u c k), stretched by one letter, or have letters hidden (f**k).
    `2` may be all that and cut in two (fu ck).
    """

    word: str
    category: str
    severity: int
    traits: str = ""

    @property
    def inside(self) -> bool:
        """Whether it is bad inside a longer word too."""
        return "i" in self.traits

    @property
    def name(self) -> bool:
        """Whether it is a name as well."""
        return "n" in self.traits

    @property
    def homograph(self) -> bool:
        """Whether it is a word of another language as well."""
        return "f" in self.traits

    @property
    def person(self) -> bool:
        """Whether it is a first name as well."""
        return "p" in self.traits

    @property
    def joiner(self) -> bool:
        """Whether it also joins two words."""
        return "j" in self.traits

    @property
    def spelled(self) -> bool:
        """Whether it leaves no doubt: it may be spelled out, stretched by one letter, its letters hidden."""
        return "1" in self.traits or "2" in self.traits

    @property
    def cut(self) -> bool:
        """Whether it may be cut in two as well."""
        return "2" in self.traits


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a list without empty ones and `#` comments.

    Raises:
        MalformedListError: For a file that cannot be read or is not UTF-8.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedListError(f"{path}: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def read_listed_words(path: Path) -> list[ListedWord]:
    """Entries from lines of `word`, category, severity and traits, parted by tabs; all but the word optional.

    Raises:
        MalformedListError: For a line that is not of this form.
    """
    listed_words = []
    for number, line in lines(path):
        word, category, severity, traits = [*line.split("\t"), "", "", ""][:4]
        category, severity = category or DENIED[0], severity or str(DENIED[1])
        if category not in CATEGORIES:
            raise MalformedListError(f"{path}:{number}: category is not one of {', '.join(CATEGORIES)}")
        if severity not in {"1", "2", "3"}:
            raise MalformedListError(f"{path}:{number}: severity is not 1, 2 or 3")
        listed_words.append(
            ListedWord(_clean(word, path, number), category, int(severity), traits.replace("-", ""))
        )
    return listed_words


def read_words(path: Path) -> list[str]:
    """The words and phrases of a list, one a line.

    Raises:
        MalformedListError: For a line with fewer than two letters or others than a to z.
    """
    return [_clean(line, path, number) for number, line in lines(path)]


def read_contexts(path: Path) -> dict[str, frozenset[str]]:
    """Words and the contexts they are innocent in, from lines of `word, word: context words`."""
    contexts: dict[str, frozenset[str]] = {}
    for _, line in lines(path):
        words, _, context = line.partition(":")
        contexts |= dict.fromkeys(words.split(", "), frozenset(context.split()))
    return contexts


def _clean(word: str, path: Path, number: int) -> str:
    letters = [unicodedata.normalize("NFKD", character)[0] for character in word if character.isalpha()]
    if len(letters) < 2 or not all(map(str.isascii, letters)):
        raise MalformedListError(f"{path}:{number}: a word has at least two letters, and all are a to z")
    return " ".join(word.split())
