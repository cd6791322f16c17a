"""What plugins for editors send, by their sources, and what they read of the answers.

llama.vim (autoload/llama.vim), llama.vscode (src/llama-server.ts), Continue (core/llm/llms/LlamaStack.ts and
packages/openai-adapters/src/apis/LlamaStack.ts). `make test-editors` runs llama.vim itself.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.app.asking import FOX
from tests.app.conftest import Serve
from tests.fakes import FakeEngine, infill_manifest

pytestmark = pytest.mark.anyio

TIMINGS = (
    *("timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_token_ms", "timings/prompt_per_second"),
    *("timings/predicted_n", "timings/predicted_ms", "timings/predicted_per_token_ms"),
    "timings/predicted_per_second",
)
EXTRA = {"text": "import os\n", "filename": "a.py"}

VIM: dict[str, Any] = {
    "id_slot": 0,
    "input_prefix": "def f(a):\n",
    "input_suffix": "\nprint(f(1))\n",
    "input_extra": [EXTRA | {"time": [4211, 52_000]}],
    "prompt": "    return a",
    "n_predict": 128,
    "stop": [],
    "n_indent": 4,
    "top_k": 40,
    "top_p": 0.90,
    "samplers": ["top_k", "top_p", "infill"],
    "stream": False,
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 250,
    "response_fields": ["content", *TIMINGS, "truncated", "tokens_cached"],
    "model": "",
}
VIM_RING: dict[str, Any] = {
    "id_slot": 0,
    "input_prefix": "",
    "input_suffix": "",
    "input_extra": VIM["input_extra"],
    "prompt": "",
    "n_predict": 0,
    "temperature": 0.0,
    "samplers": [],
    "stream": False,
    "cache_prompt": True,
    "t_max_prompt_ms": 1,
    "t_max_predict_ms": 1,
    "response_fields": [""],
    "model": "",
}
VSCODE: dict[str, Any] = {
    "id_slot": 0,
    "input_prefix": VIM["input_prefix"],
    "input_suffix": VIM["input_suffix"],
    "input_extra": [EXTRA | {"time": 1_790_000_000_000}],
    "prompt": VIM["prompt"],
    "n_predict": 128,
    "n_cmpl": 3,
    "top_k": 40,
    "top_p": 0.99,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "n_indent": 4,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 500,
    "lora": [{"id": 0, "scale": 0.5}],
    "model": "qwen",
}
VSCODE_RING: dict[str, Any] = {
    "id_slot": 0,
    "input_prefix": "",
    "input_suffix": "",
    "input_extra": VSCODE["input_extra"],
    "prompt": "",
    "n_predict": 0,
    "samplers": [],
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 1,
}
CONTINUE: dict[str, Any] = {
    "model": "qwen2.5-coder",
    "prompt": "# a.py\ndef f(a):\n    return a",
    "suffix": "\nprint(f(1))\n",
    "max_tokens": 4096,
    "temperature": 0.01,
    "stop": ["/src/", "#- coding: utf-8", "```"],
    "stream": True,
}


@pytest.mark.parametrize("authorization", ["Bearer ", "Bearer x"])
async def test_llama_vim_gets_a_suggestion(serve: Serve, authorization: str) -> None:
    """It finds the content by a regular expression, and other fields by the paths that it asks for."""
    async with serve(manifest=infill_manifest()) as client:
        answer = await client.post("/infill", json=VIM, headers={"authorization": authorization})
    assert re.match(r"\s*{", answer.text)
    assert re.search(r'"content"\s*:"', answer.text)
    found = answer.json()
    assert set(found) == {"content", *TIMINGS, "truncated", "tokens_cached"}
    assert found["content"] == FOX


@pytest.mark.parametrize("body", [VIM_RING, VSCODE_RING], ids=["llama.vim", "llama.vscode"])
async def test_new_snippets_are_computed_before_they_are_needed(serve: Serve, body: dict[str, Any]) -> None:
    """The prompt of the next request begins as the one that only shows the snippets."""
    engine = FakeEngine()
    async with serve(engine, manifest=infill_manifest(), default_max_tokens=32) as client:
        shown = await client.post("/infill", json=body)
        await client.post("/infill", json=VIM)
    assert shown.status_code == 200
    first, second = (bytes(generation.prompt) for generation in engine.generations)
    assert first.endswith(b"\x06filename\n\x01\x02\x03")
    assert second.startswith(first[:-2])


async def test_llama_vscode_gets_a_suggestion(serve: Serve) -> None:
    """It asks for three, which at temperature 0 would be the same."""
    engine = FakeEngine()
    async with serve(engine, manifest=infill_manifest()) as client:
        answer = (await client.post("/infill", json=VSCODE)).json()
        health = (await client.get("/health")).json()
    assert (answer["content"], len(engine.generations)) == (FOX, 1)
    assert answer["generation_settings"]["n_ctx"] == 256
    assert answer["timings"]["predicted_per_second"] > 0
    assert "status" in health


async def test_continue_gets_a_stream_of_text(serve: Serve) -> None:
    """Each of its events must have a choice with a text."""
    engine = FakeEngine()
    async with serve(engine, manifest=infill_manifest(), profanity="off") as client:
        answer = await client.post("/v1/completions", json=CONTINUE)
    lines = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    assert "".join(json.loads(line)["choices"][0]["text"] for line in lines) == FOX
    assert bytes(engine.generations[0].prompt) == (
        b"\x01# a.py\ndef f(a):\n    return a\x02\nprint(f(1))\n\x03"
    )
