"""The model file's text side: tokenize, detokenize, and a whole generation in one call.

The file's own signatures do the work, on an interpreter with TF-Text's operators. The weights stay in the
mapped file: without the default delegates nothing packs a copy of them.
"""

from __future__ import annotations

import importlib
import unicodedata
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from app.errors import ModelRefusedError
from app.installation import build_command
from app.model.manifest import SignatureSpec, TensorSpec
from app.model.runtime import PACKAGES, RuntimeName, resolve_runtime
from app.model.tables import TEXT_OPERATORS, list_operators
from app.model.text_ops import text_op_registerers


class Tokenizer(Protocol):
    """Text to token ids and back, as the model file defines it."""

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text; special tokens in it are plain text."""
        ...

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """The bytes that token ids stand for; they may end inside a character."""
        ...


CHUNK = 2048
"""Ids of one call; the signature `detokenize` takes at least so many."""


class FileTokenizer(ABC):
    """Text to token ids and back as a model file's signatures define it.

    Not thread-safe, since all calls share the interpreter's tensors: the HTTP process calls it from its event
    loop. It must not cross a fork.
    """

    def __init__(self, runners: Mapping[str, Any], normalizer: Literal["NFC"] | None = None) -> None:
        self._runners = runners
        self._normalizer = normalizer

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text; special tokens in it are plain text.

        Raises:
            UnicodeEncodeError: The text has a lone surrogate.
        """
        if self._normalizer is not None:
            text = unicodedata.normalize(self._normalizer, text)
        return self._ids(text)

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """The bytes that token ids stand for; they may end inside a character.

        Raises:
            ValueError: An id is outside the vocabulary.
        """
        try:
            chunks = [array("i", ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK)]
            return b"".join(self._bytes(np.asarray(chunk)) for chunk in chunks)
        except (RuntimeError, OverflowError):
            raise ValueError("a token id is outside the vocabulary") from None

    @abstractmethod
    def _ids(self, text: str) -> list[int]:
        """Token ids of a text, by the signature for it."""

    @abstractmethod
    def _bytes(self, ids: npt.NDArray[np.int32]) -> bytes:
        """The bytes of token ids, int32 [n] with n up to `CHUNK`, by the signature for them."""

    def _runner(self, name: str) -> Any:
        if name not in self._runners:
            raise ModelRefusedError(f"the model file has no signature {name}")
        return self._runners[name]


class TextModel(FileTokenizer):
    """The tokenizer that takes strings, by custom operators, and the file's own whole generation."""

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._runner("tokenize")(text=_string(text))["ids"].tolist()
        return ids

    def _bytes(self, ids: npt.NDArray[np.int32]) -> bytes:
        text: bytes = self._runner("detokenize")(ids=ids)["text"][0]
        return text

    def complete(self, text: str) -> str:
        """The text and what the model writes after it, with length and sampler as the file was built."""
        completed: bytes = self._runner("serving_default")(prompt=_string(text))["output_0"][0]
        return completed.decode(errors="replace")

    def signatures(self) -> dict[str, SignatureSpec]:
        """The file's signatures by name."""
        return {
            name: SignatureSpec(
                inputs=_tensors(runner.get_input_details()), outputs=_tensors(runner.get_output_details())
            )
            for name, runner in self._runners.items()
        }


def open_text_model(
    model: Path,
    text_ops: Path,
    runtime: Literal["auto"] | RuntimeName,
    place: Path | None = None,
    normalizer: Literal["NFC"] | None = None,
) -> TextModel:
    """Load a model file for its text signatures.

    Args:
        model: The `.tflite` file.
        text_ops: The folder of the shared object with TF-Text's operators.
        runtime: What runs it.
        place: Where the file is read, if it is open under another path.
        normalizer: What a text needs before its signature `tokenize`, as the manifest says.

    Raises:
        ModelRefusedError: The file cannot be read or has operators that nothing here provides, or the runtime
            or the shared object cannot load.
    """
    custom = {operator.name for operator in list_operators(place or model) if operator.custom}
    _check_custom(model, custom)
    registerers = text_op_registerers(text_ops) if custom else []
    return TextModel(open_signatures(model, runtime, registerers, place=place), normalizer)


def open_signatures(
    model: Path,
    runtime: Literal["auto"] | RuntimeName,
    registerers: Sequence[Callable[[int], None]] = (),
    *,
    names: Sequence[str] = (),
    place: Path | None = None,
) -> dict[str, Any]:
    """Runners of a file's signatures by name: of those that are named, or of all.

    Raises:
        ModelRefusedError: The runtime cannot load the file.
    """
    chosen = resolve_runtime(runtime)
    package = importlib.import_module(f"{PACKAGES[chosen]}.interpreter")
    try:
        interpreter = package.InterpreterWithCustomOps(
            model_path=str(place or model),
            custom_op_registerers=registerers,
            experimental_op_resolver_type=package.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        found = names or interpreter.get_signature_list()
        return {name: interpreter.get_signature_runner(name) for name in found}
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelRefusedError(
            f"{model}: {chosen} cannot load it: {reason}"
            f" Build it for that runtime: {build_command()} --target {chosen}"
        ) from None


def _check_custom(model: Path, custom: set[str]) -> None:
    flex = sorted(name for name in custom if name.startswith("Flex"))
    if flex:
        raise ModelRefusedError(
            f"{model}: uses TensorFlow operators ({', '.join(flex)}) that need the Flex delegate, which no"
            f" runtime here has. Convert it without SELECT_TF_OPS, or: {build_command()}"
        )
    unknown = sorted(custom - TEXT_OPERATORS)
    if unknown:
        raise ModelRefusedError(
            f"{model}: uses custom operators that TF-Text does not have: {', '.join(unknown)}"
        )


def _string(text: str) -> npt.NDArray[np.object_]:
    return np.array([text.encode()], dtype=object)  # NumPy's own bytes type drops NULs at the end


def _tensors(details: Mapping[str, Mapping[str, Any]]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(
            shape=tuple(detail["shape_signature"].tolist()),
            dtype="string" if detail["dtype"] is np.bytes_ else np.dtype(detail["dtype"]).name,
        )
        for name, detail in details.items()
    }


TOGETHER = 64
"""Tokens of one call: a call costs more than a token."""


def read_vocabulary(tokenizer: Tokenizer, size: int) -> list[bytes]:
    """The bytes of each token, at its id.

    A line feed between any two tells where one ends; tokens with line feeds of their own are asked for
    one by one.
    """
    line = tokenizer.tokenize("\n")
    tokens: list[bytes] = []
    for first in range(0, size, TOGETHER):
        ids = range(first, min(first + TOGETHER, size))
        text = tokenizer.detokenize([part for number in ids for part in (number, *line)])
        parts = text.split(b"\n")[:-1]
        alone = len(parts) != len(ids)
        tokens += [tokenizer.detokenize([number]) for number in ids] if alone else parts
    return tokens
