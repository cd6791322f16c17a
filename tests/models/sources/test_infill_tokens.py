from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.sources.fields import Fields
from models.sources.infill_tokens import gguf_infill_tokens, named_infill_tokens

QWEN = {
    "<|fim_prefix|>": 1, "<|fim_middle|>": 2, "<|fim_suffix|>": 3, "<|fim_pad|>": 4, "<|repo_name|>": 5,
    "<|file_sep|>": 6,
}  # fmt: skip


def gguf(**fields: Any) -> Fields:
    return Fields(Path("x.gguf"), {f"tokenizer.ggml.{name}_token_id": i for name, i in fields.items()})


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (QWEN, {"prefix": 1, "suffix": 3, "middle": 2, "pad": 4, "repository": 5, "file": 6}),
        ({"<fim_prefix>": 1, "<fim_suffix>": 2, "<fim_middle>": 3}, {"prefix": 1, "suffix": 2, "middle": 3}),
        (
            {"▁<PRE>": 1, "▁<SUF>": 2, "▁<MID>": 3, "▁<EOT>": 4},
            {"prefix": 1, "suffix": 2, "middle": 3, "end": 4},
        ),
        (
            {"<｜fim▁begin｜>": 7, "<｜fim▁hole｜>": 8, "<｜fim▁end｜>": 9},
            {"prefix": 7, "suffix": 8, "middle": 9},
        ),
        ({"<PRE>": 1, "<|fim_prefix|>": 4, "<SUF>": 2, "<MID>": 3}, {"prefix": 4, "suffix": 2, "middle": 3}),
    ],
)
def test_tokens_are_known_by_the_names_that_models_have(
    ids: dict[str, int], expected: dict[str, int]
) -> None:
    assert named_infill_tokens(ids) == expected


def test_a_model_without_one_of_the_three_has_none() -> None:
    assert named_infill_tokens({"<reponame>": 1, "<|file_sep|>": 2}) == {}
    assert named_infill_tokens({name: i for name, i in QWEN.items() if name != "<|fim_middle|>"}) == {}


def test_the_fields_of_a_gguf_file_come_before_its_tokens_names() -> None:
    tokens = ["a", *QWEN, "b", "c"]
    named = gguf_infill_tokens(gguf(), tokens)
    assert named == {"prefix": 1, "suffix": 3, "middle": 2, "pad": 4, "repository": 5, "file": 6}
    assert gguf_infill_tokens(gguf(fim_pre=7, fim_rep=8), tokens) == named | {"prefix": 7, "repository": 8}


def test_older_fields_are_read_too_and_ids_without_a_token_are_not() -> None:
    older = gguf_infill_tokens(gguf(prefix=0, suffix=1, middle=2, fim_pad=3), ["a", "b", "c"])
    assert older == {"prefix": 0, "suffix": 1, "middle": 2}
    assert gguf_infill_tokens(gguf(prefix=0, suffix=1), ["a", "b", "c"]) == {}
