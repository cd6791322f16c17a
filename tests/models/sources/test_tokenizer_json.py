from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.rules import DIGITS, PUNCTUATION
from models.errors import SourceError
from models.sources import read_checkpoint
from tests.models.sources.test_hugging_face import split, template, tokenizer, write_folder
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint

Write = Callable[..., Path]

SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}


@pytest.fixture
def llama() -> Checkpoint:
    return tiny_checkpoint("llama", TOY_VOCABULARY)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return partial(write_folder, tmp_path)


def test_gpt2s_own_folder_is_read(write: Write) -> None:
    """Its tokenizer.json is older than the field `type`, and its normalizer may be an empty list."""
    file = tokenizer(digits=False)
    model = {name: value for name, value in file["model"].items() if name != "type"}
    old = {"dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": ""}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    for normalizer in (None, {"type": "Sequence", "normalizers": []}):
        changes = {
            "model": model | old | {"fuse_unk": False},
            "pre_tokenizer": level,
            "normalizer": normalizer,
        }
        folder = write(tiny_checkpoint("gpt2", TOY_VOCABULARY), token_changes=changes)
        assert read_checkpoint(folder).vocabulary == replace(TOY_VOCABULARY, digits=False)
        shutil.rmtree(folder)


def test_added_tokens_that_are_not_special_belong_to_texts(llama: Checkpoint, write: Write) -> None:
    added = [
        {"id": 0, "content": "<|endoftext|>", "special": True},
        {"id": 260, "content": "<|im_end|>", "special": False},
    ]
    found = read_checkpoint(write(llama, token_changes={"added_tokens": added}))
    assert found.vocabulary.added == ((b"<|im_end|>", 260),)
    assert found.vocabulary.specials == {0}
    assert found.special_tokens == {"<|endoftext|>": 0}


def test_patterns_normalizer_and_whole_words_are_read(llama: Checkpoint, write: Write) -> None:
    punctuation = {"type": "Punctuation", "behavior": "Contiguous"}
    steps = [punctuation, {"type": "Digits"}, *split(r"\s+|\S+")["pretokenizers"]]
    changes = {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
    }
    folder = write(llama, token_changes=changes)
    found = read_checkpoint(folder).vocabulary
    assert found.patterns == (f"{PUNCTUATION}+", f"{DIGITS}+", r"\s+|\S+")
    assert (found.nfc, found.words) == (True, ())
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"] |= {"ignore_merges": True, "merges": content["model"]["merges"][:1]}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert read_checkpoint(folder).vocabulary.words == ((b"the", 258), (b" the", 259))


@pytest.mark.parametrize(
    ("changes", "prefix", "before_space"),
    [
        ({"normalizer": SPACES}, "none", True),
        (
            {
                "normalizer": SPACES,
                "pre_tokenizer": {
                    "type": "Split",
                    "pattern": {"String": " "},
                    "behavior": "MergedWithPrevious",
                },
            },
            "none",
            True,
        ),
        (
            {
                "normalizer": {
                    "type": "Sequence",
                    "normalizers": [{"type": "Prepend", "prepend": "▁"}, SPACES],
                }
            },
            "each",
            True,
        ),
        (
            {
                "pre_tokenizer": {
                    "type": "Metaspace",
                    "replacement": "▁",
                    "prepend_scheme": "first",
                    "split": False,
                }
            },
            "first",
            False,
        ),
    ],
)
def test_sentence_pieces_rules_are_read(
    llama: Checkpoint, write: Write, changes: dict[str, Any], prefix: str, before_space: bool
) -> None:
    vocab = {f"<0x{byte:02X}>": 1 + byte for byte in range(256)} | {"▁": 257, "a": 258, "▁a": 259}
    model = {"type": "BPE", "byte_fallback": True, "vocab": vocab, "merges": [["▁", "a"]]}
    files = {"model": model, "pre_tokenizer": None} | changes
    found = read_checkpoint(write(llama, token_changes=files)).vocabulary
    assert (found.prefix, found.prefix_before_space) == (prefix, before_space)
    assert found.byte_ids == tuple(range(1, 257))
    assert (found.tokens[257:260], found.merges) == ((b" ", b"a", b" a"), ((b" ", b"a"),))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": {"type": "Unigram"}}, "tokenizer Unigram; BPE is supported"),
        (
            {"model": {"type": "BPE", "byte_fallback": True, "vocab": {}, "merges": []}},
            "BPE with byte fallback and Digits.ByteLevel; SentencePiece's are supported",
        ),
        (
            {"post_processor": template("<|x|>", 999)},
            "the post-processor starts with 999, which is no token",
        ),
        ({"normalizer": {"type": "NFKC"}}, "uses the normalizer NFKC, which is not supported"),
        (
            {"pre_tokenizer": {"type": "Metaspace"}},
            "pre-tokenizer Metaspace; those that end in ByteLevel are",
        ),
        ({"pre_tokenizer": split("(a)b{2}?")}, r"the pattern '\(a\)b\{2\}\?' has a lazy quantifier"),
        ({"pre_tokenizer": split("a", "Removed")}, "pre-tokenizer Split with the behavior Removed; not"),
        ({"pre_tokenizer": {"type": "ByteLevel", "use_regex": False}}, "pre-tokenizer ByteLevel"),
        ({"model": {"type": "WordPiece"}}, "tokenizer WordPiece; BPE is supported"),
        ({"model": None}, "the field merges is missing"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": [["a"]]}}, "a merge is no pair of texts"),
        ({"model": {"type": "BPE", "vocab": {}, "merges": 3}}, "merges is 3, expected a list"),
        ({"model": {"type": "BPE", "vocab": {"a": 999}, "merges": []}}, "token 999 is outside the embedding"),
        ({"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}}, "token b is outside the embedding"),
        ({"model": {"type": "BPE", "vocab": {}}}, "the field merges is missing"),
        ({"added_tokens": {"a": 1}}, "added_tokens is no list of objects"),
        ({"added_tokens": [{"id": 1}]}, "the field content is missing"),
    ],
)
def test_another_tokenizer_is_named(
    llama: Checkpoint, write: Write, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SourceError, match=f"tokenizer.json: .*{reason}"):
        read_checkpoint(write(llama, token_changes=changes))


def test_tokens_for_filling_in_are_special_whatever_the_file_says(llama: Checkpoint, write: Write) -> None:
    """So a text in which their names stand does not become them."""
    names = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>")
    added = [
        {"id": 0, "content": "<|endoftext|>", "special": True},
        *({"id": 257 + n, "content": name, "special": False} for n, name in enumerate(names)),
    ]
    model = tokenizer(digits=True)["model"]
    vocab = {text: i for text, i in model["vocab"].items() if i < 257}
    changes = {"added_tokens": added, "model": model | {"vocab": vocab, "merges": []}}
    found = read_checkpoint(write(llama, token_changes=changes))
    assert found.infill_tokens == {"prefix": 257, "suffix": 258, "middle": 259, "file": 260}
    assert found.vocabulary.added == ()
    assert found.special_tokens == {"<|endoftext|>": 0} | {name: 257 + n for n, name in enumerate(names)}
