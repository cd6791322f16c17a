r"""Regular expressions of well-known pre-tokenizers, by the names that GGUF files have for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from models.checkpoint.vocabulary import Vocabulary

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
OPENED = r"[^\r\n\p{L}\p{N}]?"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
UP_DOWN, DOWN_UP = OPENED + UPPER + "*" + LOWER + "+", OPENED + UPPER + "+" + LOWER + "*"

DIGITS = r"[\p{N}\x{11DE0}-\x{11DE9}\x{16FF4}-\x{16FF6}]"
"""Numbers of Unicode 17, as the splitter of digits of `tokenizers` knows them."""
PUNCTUATION = r"[\p{P}!-/:-@\[-`{-~]"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
WORDS = CONTRACTIONS + "|" + OPENED + r"\p{L}+|"
LLAMA3 = WORDS + r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN2 = WORDS + r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES
QWEN35 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES
SYMBOLS = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES
O200K = UP_DOWN + CONTRACTIONS + "?|" + DOWN_UP + CONTRACTIONS + r"?|\p{N}{1,3}" + SYMBOLS
TEKKEN = UP_DOWN + "|" + DOWN_UP + r"|\p{N}" + SYMBOLS
BLOOM = r" ?[^(\s|.,!?…。，、।۔،)]+"
DEEPSEEK = (
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r"[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + SPACES,
)
DEEPSEEK_CODER = (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[一-龥ࠀ-一가-퟿]+", r"\p{N}")
SENTENCEPIECE = r"(?:(?<! ) )?[\p{L}\p{M}]+|\p{N}|(?:(?<! ) )?[^\s\p{L}\p{M}\p{N}]+| +|[^\S ]+"
"""What SentencePiece's training leaves whole: scripts, digits and runs of white space stay apart."""
FALCON = (r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]")


@dataclass(frozen=True, slots=True)
class Rule:
    """A pre-tokenizer, and what goes with it.

    Attributes:
        digits: With GPT-2's pattern: whether digits stand alone.
        patterns: Other regular expressions, one after the other.
        whole_words: Whether a word that is a token is that token.
        starts: Whether a text has a start token, if the file does not say.
        nfc: Whether texts are normalized.
    """

    digits: bool = False
    patterns: tuple[str, ...] = ()
    whole_words: bool = False
    starts: bool = False
    nfc: bool = False


_LLAMA3 = Rule(patterns=(LLAMA3,), whole_words=True, starts=True)
_QWEN2 = Rule(patterns=(QWEN2,), nfc=True)

RULES: dict[str, Rule] = {
    **dict.fromkeys(("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "lfm2"), _LLAMA3),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "megrez"), _QWEN2),
    "qwen35": Rule(patterns=(QWEN35,), nfc=True),
    **dict.fromkeys(("stablelm2", "hunyuan", "solar-open", "grok-2"), Rule(patterns=(QWEN2,))),
    **dict.fromkeys(("dbrx", "smaug-bpe", "chatglm-bpe", "glm4"), Rule(patterns=(LLAMA3,))),
    **dict.fromkeys(("gpt-4o", "llama4", "kanana2", "minimax-m2"), Rule(patterns=(O200K,))),
    "tekken": Rule(patterns=(TEKKEN,), whole_words=True, starts=True),
    **dict.fromkeys(("deepseek-v3", "hunyuan-dense", "joyai-llm"), Rule(patterns=DEEPSEEK)),
    "deepseek-coder": Rule(patterns=DEEPSEEK_CODER),
    "falcon": Rule(patterns=FALCON),
    **dict.fromkeys(("bloom", "poro-chat", "gpt3-finnish"), Rule(patterns=(BLOOM,))),
    "viking": Rule(patterns=(BLOOM, r"\p{N}")),
    **dict.fromkeys(
        ("starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"), Rule(digits=True)
    ),
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "mellum", "gigachat"), Rule()),
}
"""By `tokenizer.ggml.pre`, as llama.cpp understands it."""


def word_patterns(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Regular expressions that cut a text into words as its tokenizer does, one after the other.

    Where characters are merged without words, the pieces are those that its tokens never reach across.
    """
    if vocabulary.byte_ids:
        return (SENTENCEPIECE,)
    patterns = vocabulary.patterns or ((r"\p{N}", GPT2) if vocabulary.digits else (GPT2,))
    return tuple(re.sub(r"\\x\{([0-9A-Fa-f]+)\}", lambda m: chr(int(m[1], 16)), each) for each in patterns)
