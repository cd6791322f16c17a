"""The same file through this service and through LiteRT-LM itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.model.foreign.container import read_container
from app.model.foreign.metadata import PROTO
from app.model.foreign.optional import required
from tests.test_kinds import Kind, Served, serving

pytestmark = pytest.mark.foreign

TOKENS = 32

PROMPTS = (
    "The capital of France is",
    "Once upon a time",
    "def fibonacci(n):\n",
    "The history of the city begins",
    "In 1969, the first",
    "My favourite food is",
    "The quick brown fox",
    "To be or not to be,",
    "import numpy as np\n",
    "Dear Sir or Madam,",
    "The opposite of hot is",
    "One, two, three,",
    "Water boils at",
    "She opened the door and",
    "The three primary colours are",
    "A recipe for bread:\n",
    "Photosynthesis is",
    "Q: What is the largest planet?\nA:",
    "Das Wetter ist heute",
    "Émile Zola était",
)


Ask = Callable[[str], str]


@pytest.fixture(scope="module")
def ask_litert_lm(foreign_model: Path) -> Ask:
    """Greedy text straight from the package, which only `make test-foreign` installs."""
    import litert_lm

    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    backend = litert_lm.Backend.CPU(thread_count=2)
    engine = litert_lm.Engine(str(foreign_model), backend=backend, cache_dir=":nocache")
    greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=1)

    def ask(prompt: str) -> str:
        with engine.create_session(
            apply_prompt_template=False, sampler_config=greedy, max_output_tokens=TOKENS
        ) as session:
            session.run_prefill([prompt])
            text: str = session.run_decode().texts[0]
            return text

    return ask


@pytest.fixture(scope="module")
def service(foreign_model: Path) -> Iterator[Served]:
    with serving(Kind("decoder", slots=1, chat=True), foreign_model, profanity="off") as running:
        yield running


@pytest.fixture(scope="module")
def longer_ends(foreign_model: Path) -> list[str]:
    """Ends of several tokens: LiteRT-LM keeps back what may begin one, and loses it at the limit."""
    (section,) = (container := read_container(foreign_model)).of_kind("LlmMetadataProto")
    message = required(f"{PROTO}.llm_metadata_pb2").LlmMetadata.FromString(container.read(section))
    return [token.token_str for token in message.stop_tokens if token.token_str]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_text_is_litert_lms(
    service: Served, ask_litert_lm: Ask, longer_ends: list[str], prompt: str
) -> None:
    ours = service.text(prompt=prompt, temperature=0, repetition_penalty=1, max_tokens=TOKENS)
    theirs = ask_litert_lm(prompt)
    assert ours.startswith(theirs)
    kept_back = ours.removeprefix(theirs)
    assert kept_back == "" or any(end.startswith(kept_back) for end in longer_ends)
