"""Filling in the middle (Bavarian et al., 2022): a text with a caret in it, and the tokens that part it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from app.completion.prompt import PlainPrompt
from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class InfillTokens:
    """A model's tokens for filling in the middle.

    Attributes:
        repository: Stands before a repository's name; None where there is no such token, as for `file`.
        ends: Tokens that end the middle, beside those that end every text.
    """

    prefix: int
    suffix: int
    middle: int
    repository: int | None
    file: int | None
    ends: tuple[int, ...]

    @classmethod
    def of(cls, manifest: Manifest) -> Self | None:
        """Those of a model file; None where it has none."""
        known = manifest.infill_tokens
        if not known:
            return None
        ends = {known[role] for role in ("pad", "repository", "file", "end") if role in known}
        return cls(
            known["prefix"],
            known["suffix"],
            known["middle"],
            known.get("repository"),
            known.get("file"),
            tuple(sorted(ends)),
        )


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another file, or of another place."""

    text: str
    filename: str = "tmp"


@dataclass(frozen=True, slots=True)
class InfillPrompt:
    """A text with a caret in it.

    Attributes:
        caret: The text before the caret.
        suffix: The text behind it.
        line: Characters at the end of the text before the caret that are kept whatever the window drops.
        snippets: What else the model should know; None where repository and file are not named either.
    """

    caret: PlainPrompt
    suffix: str
    line: int = 0
    snippets: tuple[Snippet, ...] | None = None

    @property
    def text(self) -> str:
        """The text before the caret."""
        return self.caret.text

    @property
    def before(self) -> str:
        """Of the text before the caret, what was judged."""
        return self.caret.before

    @property
    def unfinished(self) -> str:
        """The word that is being typed."""
        return self.caret.unfinished

    @property
    def parts(self) -> tuple[str, str]:
        """The text before the caret, parted before what is always kept."""
        at = len(self.text) - self.line
        return self.text[:at], self.text[at:]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of it."""
        snippets = [text for snippet in self.snippets or () for text in (snippet.filename, snippet.text)]
        return (self.text, self.suffix, *snippets)

    @property
    def characters(self) -> int:
        """Of all texts."""
        return sum(map(len, self.texts))

    @property
    def field(self) -> str:
        """Of the request."""
        return "prompt"

    def filtered(self, guard: Callable[[str], str]) -> InfillPrompt:
        """The prompt as the guard lets it pass, but for the text before the caret."""
        snippets = self.snippets
        if snippets is not None:
            snippets = tuple(Snippet(guard(each.text), guard(each.filename)) for each in snippets)
        return replace(self, suffix=guard(self.suffix), snippets=snippets)

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the text before the caret."""
        return self.caret.tokens(tokenizer)
