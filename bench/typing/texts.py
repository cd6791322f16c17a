"""Texts that the simulated writer types, and the phrases that belong to some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
FILES = ("practice.txt", "english.txt", "names.txt", "other_languages.txt")
PHRASES = "phrases.txt"
NAMES = "names"
"""Kind of the texts in which phrases of the list occur."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text.

    Attributes:
        kind: What it is: email, chat, note, form, code, ...; `NAMES` where phrases occur.
        language: Two letters of ISO 639-1.
        body: What is written.
    """

    kind: str
    language: str
    body: str

    @property
    def english(self) -> bool:
        """Whether it is written in English; code counts as English."""
        return self.language == "en"


def read_texts(path: Path) -> list[Text]:
    r"""Texts of a file with one `kind|language|text` a line; `\n` is a line feed, `#` begins a comment.

    Raises:
        ValueError: A line has no three fields.
    """
    texts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("|", 2)
        if len(fields) != 3:
            raise ValueError(f"{path}, line {number}: expected kind|language|text")
        kind, language, body = fields
        texts.append(Text(kind, language, body.replace("\\n", "\n")))
    return texts


def project_texts(folder: Path = FOLDER) -> list[Text]:
    """All texts of the project."""
    return [text for name in FILES for text in read_texts(folder / name)]


def read_phrases(path: Path = FOLDER / PHRASES) -> tuple[str, ...]:
    """Phrases of a file with one a line; `#` begins a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line.strip() and not line.startswith("#"))


def spread(texts: Sequence[Text], count: int) -> list[Text]:
    """So many texts, at even distances, so that every kind has its share; other languages after English."""
    english = [text for text in texts if text.english]
    others = [text for text in texts if not text.english]
    share = -(-count * len(others) // len(texts)) if texts else 0
    return _even(english, count - share) + _even(others, share)


def _even(texts: Sequence[Text], count: int) -> list[Text]:
    count = min(count, len(texts))
    return [texts[index * len(texts) // count] for index in range(count)]
