"""Whether a TFLite model turns a text into a text in one call, as the classic recipe's files do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.errors import ModelRefusedError
from app.model.foreign.static_decoder import check_operators
from app.model.kinds import WholeText
from app.model.manifest import TensorSpec
from app.model.tables import TEXT_OPERATORS, GraphTables

BAKED = (
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "min_tokens",
    "ignore_eos",
    "stop_token_ids",
    "seed",
    "n",
    "logprobs",
    "top_logprobs",
    "context_window",
    "truncation",
)
"""Fields of requests that such a file has decided about itself, or knows nothing of."""


class Utf8:
    """The tokenizer of a file that shows no tokens: each byte of UTF-8 is one. See app.job.Tokenizer."""

    def tokenize(self, text: str) -> list[int]:
        """The bytes of a text."""
        return list(text.encode())

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """Bytes.

        Raises:
            ValueError: A number is no byte.
        """
        return bytes(ids)


def read_whole(path: Path, tables: GraphTables, text_ops: Path) -> WholeText:
    """The signature that a text goes through.

    Raises:
        ModelRefusedError: There is none, or it uses operators that nothing here has.
    """
    check_operators(path, tables, known=TEXT_OPERATORS)
    found = []
    for name, signature in tables.signatures.items():
        tensors = [*signature.inputs.values(), *signature.outputs.values()]
        counts = len(signature.inputs), len(signature.outputs)
        if counts == (1, 1) and all(map(_one_text, tensors)):
            (prompt,), (completion,) = signature.inputs, signature.outputs
            found.append(WholeText(name, prompt, completion, text_ops))
    served = [whole for whole in found if whole.signature == "serving_default"] or found
    if len(served) != 1:
        names = ", ".join(sorted(tables.signatures)) or "none"
        raise ModelRefusedError(
            f"{path}: has no manifest, and no signature of a kind that is served: text to text, or"
            f" prefill_N and decode; its signatures: {names}"
        )
    return served[0]


def _one_text(tensor: TensorSpec) -> bool:
    return tensor.dtype == "string" and tensor.shape in ((), (1,), (-1,))
