"""The order and the shares of llama.cpp's server; tests/infill asks that server itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.completion.healing import Healer
from app.completion.infill import InfillPrompt, InfillTokens, Snippet
from app.completion.infill_window import InfillIds, infill_ids, lay_out
from app.completion.prompt import PlainPrompt
from app.model.vocabulary import Vocabulary
from tests.fakes import ByteTokenizer, tiny_manifest

TOKENS = InfillTokens(1, 2, 3, 5, 6, (4, 5, 6))
BARE = InfillTokens(1, 2, 3, None, None, ())
START = 7


async def as_bytes(text: str) -> list[int]:
    return list(text.encode())


def llama_cpp(ids: InfillIds, *, start: Sequence[int], n_ctx: int, n_batch: int, n_predict: int) -> list[int]:
    """What format_prompt_infill says, in its own words."""
    n_prefix = min(len(ids.prefix), 3 * (n_batch // 4))
    n_suffix = min(len(ids.suffix), max(0, n_batch // 4 - (2 + len(ids.line))))
    n_extra = min(max(0, n_ctx - n_batch - 2 * n_predict), len(ids.context))
    embd = [1, *ids.prefix[len(ids.prefix) - n_prefix :], *ids.line]
    embd = [*ids.context[len(ids.context) - n_extra :], *start, *embd]
    return [*embd, 2, *ids.suffix[:n_suffix], 3]


sizes = st.integers(0, 400)


@given(sizes, sizes, sizes, st.integers(0, 50), st.integers(2, 60), st.integers(200, 500), st.booleans())
def test_each_text_gets_its_share_as_in_llama_cpp(
    prefix: int, suffix: int, context: int, line: int, reserved: int, length: int, starts: bool
) -> None:
    ids = InfillIds(
        range(1000, 1000 + prefix), [9] * line, range(2000, 2000 + suffix), range(3000, 3000 + context)
    )
    start = (START,) if starts else ()
    window = length // 2
    found = lay_out(
        ids, TOKENS, start_id=START if starts else None, length=length, reserved=reserved, window=window
    )
    expected = llama_cpp(ids, start=start, n_ctx=length, n_batch=window, n_predict=reserved)
    if len(expected) <= length - reserved and line <= window // 4 - 2:
        assert list(found.ids) == expected
    assert len(found.ids) <= length - reserved
    marks = len(start) + 3
    assert found.dropped == prefix + suffix + context + line - (len(found.ids) - marks)


def test_what_is_always_kept_takes_from_the_rest() -> None:
    ids = InfillIds([10] * 50, [11] * 80, [12] * 50, [13] * 50)
    found = lay_out(ids, TOKENS, start_id=None, length=100, reserved=10, window=40)
    assert found.ids == (1, *[10] * 7, *[11] * 80, 2, 3)
    longer = lay_out(ids, TOKENS, start_id=None, length=60, reserved=10, window=40)
    assert longer.ids == (1, *[11] * 47, 2, 3)
    assert (longer.dropped, longer.limit) == (50 + 33 + 50 + 50, 50)


def test_a_sequence_that_is_all_the_completions_still_begins() -> None:
    ids = InfillIds([10], [11], [12], [13])
    found = lay_out(ids, TOKENS, start_id=START, length=64, reserved=63, window=32)
    assert found.ids == (START, 1, 2, 3)


def test_the_kept_beginning_of_a_growing_text_stays_where_it_is_cut_in_blocks() -> None:
    def kept(length: int) -> tuple[int, ...]:
        ids = InfillIds(range(100, 100 + length), (), [12] * 9, ())
        layout = lay_out(
            ids, TOKENS, start_id=None, length=128, reserved=8, window=64, token_bytes=lambda _: b"x"
        )
        return layout.ids

    assert kept(40)[1:41] == tuple(range(100, 140))
    beginnings = [kept(length)[1] for length in range(48, 62)]
    assert beginnings == [100] + [112] * 12 + [124]
    assert kept(300)[-11:] == (2, *[12] * 9, 3)


@pytest.mark.anyio
async def test_a_text_is_tokenized_without_its_last_piece_where_it_is_healed() -> None:
    tokenizer = ByteTokenizer()
    pieces = [*(bytes([number]) for number in range(256)), b"", b" the"]
    healer = Healer(Vocabulary.of(pieces), tokenizer, tiny_manifest())
    whole = InfillPrompt(PlainPrompt("see\nat th"), " end", line=5)
    healed = await infill_ids(whole, TOKENS, as_bytes, healer)
    assert (bytes(healed.prefix), bytes(healed.line), healed.typed) == (b"see\n", b"at", b" th")
    assert (bytes(healed.suffix), healed.context, healed.rare) == (b" end", [], False)
    alone = await infill_ids(InfillPrompt(PlainPrompt("at th"), " end"), TOKENS, as_bytes, healer)
    assert (bytes(alone.prefix), alone.line, alone.typed) == (b"at", [], b" th")
    rare = await infill_ids(InfillPrompt(PlainPrompt("at thx"), ""), TOKENS, as_bytes, healer)
    assert (bytes(rare.prefix), bytes(rare.line)) == (b"at", b" th")
    assert (rare.typed, rare.rare) == (b"x", True)
    plain = await infill_ids(whole, TOKENS, as_bytes, None)
    assert (bytes(plain.prefix), bytes(plain.line), plain.typed) == (b"see\n", b"at th", b"")


@pytest.mark.anyio
async def test_snippets_stand_behind_the_names_of_their_files() -> None:
    prompt = InfillPrompt(PlainPrompt("x"), "y", snippets=(Snippet("one", "a.py"), Snippet("two")))
    ids = await infill_ids(prompt, TOKENS, as_bytes, None)
    assert bytes(ids.context) == b"\x05myproject\n\x06a.py\none\x06tmp\ntwo\x06filename\n"
    bare = await infill_ids(prompt, BARE, as_bytes, None)
    assert bytes(bare.context) == b"\n\n--- snippet ---\n\none\n\n--- snippet ---\n\ntwo"


@pytest.mark.anyio
async def test_a_text_alone_has_no_names() -> None:
    ids = await infill_ids(InfillPrompt(PlainPrompt("x"), "y"), TOKENS, as_bytes, None)
    assert (ids.prefix, ids.suffix, ids.context) == ([120], [121], [])
