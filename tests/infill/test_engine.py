"""Filling in with a real file and engine: random weights over bytes, with tokens for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.tiny import TOY_VOCABULARY, TinyModel, build_tiny, tiny_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.anyio]

NAMES = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>")
FIRST = len(TOY_VOCABULARY.tokens)
EXTRA = [{"text": "the theory of the thing\n", "filename": "a.txt"}]
BODY = {"input_prefix": "see\n", "prompt": "at th", "input_suffix": "\nend\n", "n_predict": 8}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, text_ops: Path) -> TinyModel:
    ids = range(FIRST, FIRST + len(NAMES))
    vocabulary = replace(
        TOY_VOCABULARY,
        tokens=(*TOY_VOCABULARY.tokens, *(name.encode() for name in NAMES)),
        specials=TOY_VOCABULARY.specials | set(ids),
    )
    prefix, suffix, middle, repository, file = ids
    checkpoint = replace(
        tiny_checkpoint("llama", vocabulary),
        infill_tokens={
            "prefix": prefix,
            "suffix": suffix,
            "middle": middle,
            "repository": repository,
            "file": file,
        },
    )
    return build_tiny(tmp_path_factory.mktemp("infill"), checkpoint, text_ops)


@pytest.fixture
async def client(model: TinyModel) -> AsyncIterator[httpx.AsyncClient]:
    """The service over that model; its window leaves room for snippets."""
    settings = Settings(model=model.path, window_share=0.25, default_max_tokens=16, profanity="off")
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service", timeout=60) as asked,
    ):
        async with asyncio.timeout(60):
            while (await asked.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.02)
        yield asked


async def infill(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/infill", json=BODY | body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_middle_is_written_over_what_is_typed(client: httpx.AsyncClient) -> None:
    whole = await infill(client)
    async with client.stream("POST", "/infill", json=BODY | {"stream": True}) as answer:
        lines = [line[6:] async for line in answer.aiter_lines() if line.startswith("data: ")]
    assert "".join(json.loads(line)["content"] for line in lines) == whole["content"]
    assert whole["tokens_predicted"] == 8
    context = 1 + len("myproject\n") + 1 + len("filename\n")
    assert whole["tokens_evaluated"] == context + 3 + len("see\nat") + len("\nend\n")
    assert not any(name in whole["content"] for name in NAMES)


async def test_the_text_behind_the_caret_is_read(client: httpx.AsyncClient) -> None:
    texts = {(await infill(client, input_suffix=suffix))["content"] for suffix in ("", "\nx", "\nyes\n")}
    assert len(texts) == 3


async def test_snippets_that_were_shown_are_not_computed_again(client: httpx.AsyncClient) -> None:
    shown = {"input_prefix": "", "prompt": "", "input_suffix": "", "input_extra": EXTRA, "n_predict": 0}
    first = await infill(client, **shown)
    then = await infill(client, input_extra=EXTRA)
    assert then["timings"]["cache_n"] >= first["tokens_evaluated"] - 2
    assert first["content"] == ""
