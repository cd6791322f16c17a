"""100 prompts as llama.cpp's server has laid them out, with Qwen's tokenizer; `__main__.py` records them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.fakes import tiny_manifest
from tests.infill.requests import EXPECTED, Sizes, lay_out_request

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(EXPECTED.read_bytes()))
    return found


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_each_prompt_is_laid_out_as_llama_cpp_does(expected: dict[str, Any]) -> None:
    manifest = tiny_manifest().model_copy(update={"infill_tokens": expected["infill_tokens"]})
    cases = expected["cases"]
    wrong = [
        number
        for number, case in enumerate(cases)
        if case["ids"]
        != await lay_out_request(
            manifest, expected["texts"].__getitem__, case["body"], Sizes(**case["sizes"])
        )
    ]
    assert (len(cases), wrong) == (102, [])
