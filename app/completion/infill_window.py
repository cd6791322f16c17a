"""Which tokens a model sees of a text with a caret in it, and in which order.

It reads `context PREFIX before SUFFIX behind MIDDLE` and writes what stands between. Order and shares are
those of llama.cpp's server (tools/server/server-common.cpp, `format_prompt_infill`); its batch is the window.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.completion.context_window import Window, keep_newest
from app.completion.healing import Healer
from app.completion.infill import InfillPrompt, InfillTokens, Snippet

Ids = Sequence[int]

REPOSITORY, FILE = "myproject\n", "filename\n"
"""What llama.cpp calls the repository and the file where somebody types, for which requests have no field."""

UNNAMED = "\n\n--- snippet ---\n\n"
"""What stands before a snippet where the model has no token for files."""

QUARTERS = 3
"""Of the window, for the text before the caret; the fourth is for the text behind it."""


@dataclass(frozen=True, slots=True)
class InfillIds:
    """Token ids of a prompt's texts.

    Attributes:
        prefix: Before the caret, without `line`.
        line: Right before the caret; kept whatever the window drops.
        suffix: Behind the caret.
        context: Of repository, files and snippets, with the tokens before them.
        typed: Bytes of the last piece before the caret, which has no ids: new tokens are written over it.
        rare: Whether no token begins with all of that piece.
    """

    prefix: Ids
    line: Ids
    suffix: Ids
    context: Ids
    typed: bytes = b""
    rare: bool = False


async def infill_ids(
    prompt: InfillPrompt,
    tokens: InfillTokens,
    tokenize: Callable[[str], Awaitable[list[int]]],
    healer: Healer | None,
) -> InfillIds:
    """Tokenize a prompt, each text by itself; with a healer without the last piece before the caret."""
    prefix, line = prompt.parts
    healed, typed = list[int](), b""
    if healer is not None:
        split = healer.split(line or prefix)
        prefix, line = (prefix, split.before) if line else (split.before, line)
        healed, typed = list(split.ids), split.typed
    context = [] if prompt.snippets is None else await _context_ids(prompt.snippets, tokens, tokenize)
    return InfillIds(
        await tokenize(prefix),
        [*await tokenize(line), *healed],
        await tokenize(prompt.suffix),
        context,
        typed,
        rare=bool(healed),
    )


async def _context_ids(
    snippets: Sequence[Snippet], tokens: InfillTokens, tokenize: Callable[[str], Awaitable[list[int]]]
) -> list[int]:
    """The repository's name, each snippet behind its file's, and the name of the file with the caret."""
    ids = list[int]()
    if tokens.repository is not None:
        ids += [tokens.repository, *await tokenize(REPOSITORY)]
    for snippet in snippets:
        if tokens.file is not None:
            ids += [tokens.file, *await tokenize(f"{snippet.filename}\n")]
        else:
            ids += await tokenize(UNNAMED)
        ids += await tokenize(snippet.text)
    if tokens.file is not None:
        ids += [tokens.file, *await tokenize(FILE)]
    return ids


def lay_out(
    ids: InfillIds,
    tokens: InfillTokens,
    *,
    start_id: int | None,
    length: int,
    reserved: int,
    window: int,
    token_bytes: Callable[[int], bytes] | None = None,
) -> Window:
    """The tokens in the order in which the model reads them, each text cut to its share.

    Three quarters of the window are for the text before the caret, its newest tokens; one is for that behind
    it, its first. The context has what the sequence has left beside twice the completion, its last tokens.
    What is always kept takes from the suffix's share, and from all others where the sequence ends.

    Args:
        ids: Of the texts.
        tokens: That part them.
        start_id: The token that starts a text; it stands behind the context.
        length: Of the sequence.
        reserved: Tokens for the completion.
        window: Tokens for the texts around the caret.
        token_bytes: Given where the text before the caret is cut in whole blocks (`keep_newest`), so that its
            kept beginning stays the same while it grows.
    """
    start = () if start_id is None else (start_id,)
    room = max(0, length - reserved - len(start) - 3)
    window = max(0, min(window, length - reserved - 2))
    quarter = window // 4
    line = _last(ids.line, room)
    room -= len(line)
    suffix = ids.suffix[: max(0, min(quarter - 2 - len(ids.line), room))]
    room -= len(suffix)
    share = min(QUARTERS * quarter, room)
    prefix = _last(ids.prefix, share)
    if token_bytes is not None and share and len(ids.prefix) > share:
        prefix = keep_newest(ids.prefix, share, token_bytes).ids
    room -= len(prefix)
    context = _last(ids.context, max(0, min(length - window - 2 * reserved, room)))
    seen = (*context, *start, tokens.prefix, *prefix, *line, tokens.suffix, *suffix, tokens.middle)
    whole = sum(map(len, (ids.prefix, ids.line, ids.suffix, ids.context)))
    return Window(seen, length - reserved, dropped=whole - sum(map(len, (prefix, line, suffix, context))))


def _last(ids: Ids, most: int) -> Ids:
    return ids[len(ids) - min(most, len(ids)) :]
