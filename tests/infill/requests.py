"""Requests to `/infill`, laid out without HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.completion.infill import InfillPrompt, InfillTokens, Snippet
from app.completion.infill_window import FILE, REPOSITORY, infill_ids, lay_out
from app.completion.prompt import PlainPrompt
from app.model.manifest import Manifest

EXPECTED = Path(__file__).parent / "data" / "expected.json.gz"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the sequence, of the window (llama.cpp's batch), of the completion that room is kept for."""

    length: int
    window: int
    reserved: int


def texts_of(body: dict[str, Any]) -> list[str]:
    """Every text of a request that is tokenized, and the names of repository and file."""
    extra = [text for each in body["input_extra"] for text in (f"{each['filename']}\n", each["text"])]
    return [body["input_prefix"], body["prompt"], body["input_suffix"], REPOSITORY, FILE, *extra]


async def lay_out_request(
    manifest: Manifest, tokenize: Callable[[str], list[int]], body: dict[str, Any], sizes: Sizes
) -> list[int]:
    """Token ids of its prompt, without healing."""
    tokens = InfillTokens.of(manifest)
    assert tokens is not None

    async def ids_of(text: str) -> list[int]:
        return tokenize(text) if text else []

    snippets = tuple(Snippet(each["text"], each["filename"]) for each in body["input_extra"])
    caret = PlainPrompt(body["input_prefix"] + body["prompt"])
    prompt = InfillPrompt(caret, body["input_suffix"], len(body["prompt"]), snippets)
    ids = await infill_ids(prompt, tokens, ids_of, None)
    window = lay_out(
        ids,
        tokens,
        start_id=manifest.start_id,
        length=sizes.length,
        reserved=sizes.reserved,
        window=sizes.window,
    )
    return list(window.ids)
