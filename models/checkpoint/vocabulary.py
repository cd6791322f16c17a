"""A byte-level BPE vocabulary, whatever file it came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and merges as raw bytes (Sennrich et al., 2016; over bytes: Radford et al., 2019).

    Attributes:
        tokens: Bytes of each token, by id.
        merges: Pairs of byte strings that become one token; the first pair is merged first.
        specials: Ids of tokens that no text is made of; their bytes are their name in UTF-8.
        digits: Whether each digit is a word of its own, as in SmolLM2; in GPT-2 a number is.
    """

    tokens: tuple[bytes, ...]
    merges: tuple[tuple[bytes, bytes], ...]
    specials: frozenset[int]
    digits: bool

    @classmethod
    def from_letters(
        cls,
        tokens: Sequence[str],
        merges: Iterable[Sequence[str]],
        specials: Collection[int],
        *,
        digits: bool,
    ) -> Vocabulary:
        """A vocabulary whose file writes bytes as printable letters, as GPT-2's `encoder.json` and GGUF do.

        Args:
            tokens: By id; special ones as they are.
            merges: Pairs in rank order.
            specials: Ids of the special tokens.
            digits: Whether each digit is a word of its own.

        Raises:
            ValueError: A token has a letter that stands for no byte, or a merge is not a pair.
        """
        letters = byte_letters()

        def spell(text: str) -> bytes:
            try:
                return bytes(letters[letter] for letter in text)
            except KeyError as error:
                raise ValueError(
                    f"{text!r}: the letter {error} stands for no byte; a special token?"
                ) from None

        spelled = (text.encode() if i in specials else spell(text) for i, text in enumerate(tokens))
        pairs = ((spell(left), spell(right)) for left, right in merges)
        return cls(tuple(spelled), tuple(pairs), frozenset(specials), digits)


def byte_letters() -> dict[str, int]:
    """GPT-2's letter for each byte: itself where it has ink in Latin-1, else one from U+0100 on."""
    inked = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in inked]
    return {chr(byte): byte for byte in inked} | {chr(0x100 + n): byte for n, byte in enumerate(rest)}
