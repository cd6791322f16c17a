"""The other clients that people have: the asynchronous SDK, LangChain and `llm`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest
from langchain_openai import ChatOpenAI
from langchain_openai import OpenAI as LangChainOpenAI
from openai import AsyncOpenAI, OpenAI
from pydantic import SecretStr

from tests.app.asking import FOX
from tests.app.sdk import Listen, hello

pytestmark = pytest.mark.anyio


def test_the_model_is_listed_and_found_by_its_name(sdk: OpenAI) -> None:
    assert [(model.id, model.owned_by) for model in sdk.models.list()] == [("tiny", "local")]
    assert sdk.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("other/model")


async def test_the_async_sdk(listen: Listen) -> None:
    async with AsyncOpenAI(base_url=f"{listen()}/v1", api_key="none") as client:
        answer = await client.completions.create(model="any", prompt="x")
        stream = await client.chat.completions.create(model="any", messages=hello(), stream=True)
        streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert answer.choices[0].text == FOX
    assert streamed == FOX


def test_langchain(listen: Listen) -> None:
    base = f"{listen()}/v1"
    completion = LangChainOpenAI(base_url=base, api_key=SecretStr("none"), model="any", max_tokens=64)
    chat = ChatOpenAI(base_url=base, api_key=SecretStr("none"), model="any")
    assert completion.invoke("x") == FOX
    assert "".join(completion.stream("x")) == FOX
    assert chat.invoke("hello").content == FOX
    assert "".join(str(chunk.content) for chunk in chat.stream("hello")) == FOX


def test_the_llm_command(listen: Listen, tmp_path: Path) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- {{model_id: ours, model_name: any, api_base: '{listen()}/v1'}}\n"
        f"- {{model_id: plain, model_name: any, api_base: '{listen()}/v1', completion: true}}\n"
    )
    environment = os.environ | {"LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "none"}
    for model in ("ours", "plain"):
        answer = subprocess.run(
            [sys.executable, "-m", "llm", "-m", model, "hello"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.stdout.strip() == FOX.strip(), answer.stderr
