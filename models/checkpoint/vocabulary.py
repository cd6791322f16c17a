"""A vocabulary of byte-pair encoding, whatever file it came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Prefix = Literal["none", "first", "each"]
"""Where a space is put before a text: nowhere, at its start, or at its start and behind each added token."""

SPACE_MARK = "\u2581"
"""How SentencePiece writes a space."""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and merges as raw bytes (Sennrich et al., 2016; over bytes: Radford et al., 2019).

    What is merged first are bytes. With `byte_ids` it is characters, as in SentencePiece (Kudo and
    Richardson, 2018); a character without a token becomes its bytes.

    Attributes:
        tokens: Bytes of each token, by id.
        merges: Pairs of byte strings that become one token; the first pair is merged first.
        specials: Ids of tokens that no text is made of; their bytes are their name in UTF-8.
        digits: Whether each digit is a word of its own, as in SmolLM2; in GPT-2 a number is. Only where bytes
            are merged and there are no patterns.
        added: Tokens that a text is searched for before anything is merged: text and id.
        byte_ids: Token of each byte, [256], where characters are merged; else empty.
        patterns: Regular expressions that part a text into words, one after the other; empty for GPT-2's.
        words: Tokens that merges do not reach: they stand for a whole word. Text and id.
        nfc: Whether a text is brought into Unicode's normalization form C first.
        prefix: Where a space is put before a text, where characters are merged.
        prefix_before_space: Whether that is done where the text begins with a space, too.
    """

    tokens: tuple[bytes, ...]
    merges: tuple[tuple[bytes, bytes], ...]
    specials: frozenset[int]
    digits: bool
    added: tuple[tuple[bytes, int], ...] = ()
    byte_ids: tuple[int, ...] = ()
    prefix: Prefix = "none"
    prefix_before_space: bool = True
    patterns: tuple[str, ...] = ()
    words: tuple[tuple[bytes, int], ...] = ()
    nfc: bool = False

    @property
    def found(self) -> tuple[tuple[bytes, int], ...]:
        """Tokens that are found before anything is merged."""
        return (*self.added, *self.words)

    @classmethod
    def from_letters(
        cls,
        tokens: Sequence[str],
        merges: Iterable[Sequence[str]],
        specials: Collection[int],
        *,
        digits: bool = False,
        patterns: Sequence[str] = (),
        whole_words: bool = False,
        nfc: bool = False,
        added: Mapping[str, int] | None = None,
    ) -> Vocabulary:
        """A vocabulary whose file writes bytes as printable letters, as GPT-2's `encoder.json` and GGUF do.

        Args:
            tokens: By id; special and added ones as they are.
            merges: Pairs in rank order.
            specials: Ids of the special tokens.
            digits: Whether each digit is a word of its own.
            patterns: Regular expressions that part a text into words.
            whole_words: Whether a word that is a token is that token, whatever its merges make.
            nfc: Whether a text is normalized.
            added: Ids of the added tokens, by text.

        Raises:
            ValueError: A token has a letter that stands for no byte, or a merge is not a pair.
        """
        letters, added = byte_letters(), added or {}
        plain = {*specials, *added.values()}

        def spell(text: str) -> bytes:
            try:
                return bytes(letters[letter] for letter in text)
            except KeyError as error:
                raise ValueError(
                    f"{text!r}: the letter {error} stands for no byte; a special token?"
                ) from None

        merges = list(merges)
        unreached = _unreached(tokens, merges, plain) if whole_words else []
        spelled = tuple(text.encode() if i in plain else spell(text) for i, text in enumerate(tokens))
        pairs = ((spell(left), spell(right)) for left, right in merges)
        return cls(
            spelled,
            tuple(pairs),
            frozenset(specials),
            digits,
            _texts(added),
            patterns=tuple(patterns),
            words=tuple((spelled[i], i) for i in unreached),
            nfc=nfc,
        )

    @classmethod
    def from_characters(
        cls,
        tokens: Sequence[str],
        merges: Iterable[Sequence[str]],
        specials: Collection[int],
        *,
        prefix: Prefix,
        prefix_before_space: bool = True,
        added: Mapping[str, int] | None = None,
    ) -> Vocabulary:
        """A vocabulary whose file writes characters, U+2581 for a space and `<0x0A>` for a single byte.

        Args:
            tokens: By id.
            merges: Pairs in rank order.
            specials: Ids of the special tokens.
            prefix: Where a space is put before a text.
            prefix_before_space: Whether that is done where the text begins with a space, too.
            added: Ids of the added tokens, by text.

        Raises:
            ValueError: A byte has no token, or a merge is not a pair.
        """
        of_bytes = {text: byte for byte in range(256) for text in (f"<0x{byte:02X}>",)}
        byte_ids = {of_bytes[text]: i for i, text in enumerate(tokens) if text in of_bytes}
        if len(byte_ids) != 256:
            missing = min(set(range(256)) - byte_ids.keys())
            raise ValueError(f"the byte {missing} has no token")

        def spell(text: str) -> bytes:
            return text.replace(SPACE_MARK, " ").encode()

        spelled = [text.encode() if i in specials else spell(text) for i, text in enumerate(tokens)]
        for byte, i in byte_ids.items():
            spelled[i] = bytes([byte])
        pairs = tuple((spell(left), spell(right)) for left, right in merges)
        added = added or {}
        runs = {text.replace(SPACE_MARK, " "): i for text, i in added.items() if set(text) == {SPACE_MARK}}
        if runs and _searchable(b" ", pairs):
            added = dict(added) | runs
        return cls(
            tuple(spelled),
            pairs,
            frozenset(specials),
            digits=False,
            added=_texts(added),
            byte_ids=tuple(byte_ids[byte] for byte in range(256)),
            prefix=prefix,
            prefix_before_space=prefix_before_space,
        )


def _unreached(tokens: Sequence[str], merges: Sequence[Sequence[str]], plain: Collection[int]) -> list[int]:
    """Ids of the tokens that merging their own letters does not make."""
    from tokenizers import Tokenizer, models

    ids = {text: i for i, text in enumerate(tokens) if i not in plain}
    merged = Tokenizer(models.BPE(ids, [(left, right) for left, right in merges])).encode_batch(list(ids))
    return [i for i, encoding in zip(ids.values(), merged, strict=True) if encoding.ids != [i]]


def _searchable(character: bytes, merges: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether merging parts each run of a character as a search for the longest run that is a token does.

    So it is if runs are merged before anything else takes their characters, and grow from the left.
    """
    ranks: dict[tuple[int, int], int] = {}
    others = len(merges)
    for rank, (left, right) in enumerate(merges):
        if not (left + right).strip(character):
            ranks[len(left), len(right)] = rank
        elif left.endswith(character) or right.startswith(character):
            others = min(others, rank)
    longest = max((left + right for left, right in ranks), default=0)
    if not ranks or max(ranks.values()) > others:
        return False
    return all(
        _merged([1] * length, ranks)
        == [longest] * (length // longest) + [length % longest] * (length % longest > 0)
        for length in range(1, 2 * longest + 2)
    )


def _merged(parts: list[int], ranks: Mapping[tuple[int, int], int]) -> list[int]:
    """Lengths of the parts of a run after all merges."""
    while True:
        found = [(ranks[pair], at) for at, pair in enumerate(pairwise(parts)) if pair in ranks]
        if not found:
            return parts
        at = min(found)[1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def _texts(added: Mapping[str, int]) -> tuple[tuple[bytes, int], ...]:
    return tuple((text.encode(), i) for text, i in added.items())


def byte_letters() -> dict[str, int]:
    """GPT-2's letter for each byte: itself where it has ink in Latin-1, else one from U+0100 on."""
    inked = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in inked]
    return {chr(byte): byte for byte in inked} | {chr(0x100 + n): byte for n, byte in enumerate(rest)}
