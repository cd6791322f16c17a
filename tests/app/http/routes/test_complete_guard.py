"""The guard around `/complete`: BEHAVIOUR.md section 3, over the scripted engine."""

from __future__ import annotations

import pytest

from tests.app.asking import FOX, complete, events, streamed_text
from tests.app.conftest import Serve
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio


async def test_a_rejected_prompt_is_400_and_the_word_is_not_named(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await client.post("/complete", json={"prompt": "what the fuck"})
        metrics = await client.get("/metrics")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "content_filter"
    assert "fuck" not in answer.text + str(answer.headers) + metrics.text
    assert engine.generations == []
    assert 'autocomplete_guard_hits_total{action="reject",stage="prompt"} 1.0' in metrics.text


async def test_the_part_of_the_prompt_that_the_window_drops_is_checked(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post("/complete", json={"prompt": "fuck " + "fine " * 60, "context_window": 8})
    assert answer.status_code == 400


async def test_a_masked_prompt_is_what_the_model_sees(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, profanity="mask") as client:
        answer = await complete(client, prompt="what the fuck is", echo=True)
    assert bytes(engine.generations[0].prompt).decode() == "what the ████ is"
    assert answer["choices"][0]["text"] == "what the ████ is" + FOX
    assert answer["guard"] == {"policy": "mask", "attempts": 1}


async def test_a_request_may_be_stricter_than_the_server(serve: Serve) -> None:
    async with serve(profanity="mask") as client:
        answer = await client.post("/complete", json={"prompt": "what the fuck", "profanity": "reject"})
    assert answer.status_code == 400


async def test_a_request_is_never_laxer_than_the_server(serve: Serve) -> None:
    async with serve(profanity="reject") as client:
        answer = await client.post("/complete", json={"prompt": "what the fuck", "profanity": "mask"})
    assert answer.status_code == 400


async def test_a_rejected_completion_is_tried_again_with_a_fresh_seed(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" you fuck off", " fine"])
    async with serve(engine) as client:
        answer = await complete(client, seed=5, temperature=0)
    assert answer["choices"] == [{"index": 0, "text": " fine", "finish_reason": "stop", "healed": 0}]
    assert answer["guard"] == {"policy": "reject", "attempts": 2}
    first, second = (generation.sampling for generation in engine.generations)
    assert (first.seed, first.temperature) == (5, 0)
    assert second.seed != 5
    assert second.temperature == 0.8


async def test_after_the_retries_the_text_is_withheld(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" you fuck off"])
    async with serve(engine, profanity_retries=2) as client:
        answer = await complete(client, echo=True, logprobs=1)
        metrics = (await client.get("/metrics")).text
    assert answer["choices"] == [
        {"index": 0, "text": "", "finish_reason": "content_filter", "logprobs": [], "healed": 0}
    ]
    assert answer["guard"]["attempts"] == 3
    assert len(engine.generations) == 3
    assert "autocomplete_guard_retries_total 2.0" in metrics
    assert 'autocomplete_guard_hits_total{action="reject",stage="completion"} 1.0' in metrics


async def test_a_masked_completion_keeps_its_length(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" you fuck off"]), profanity="mask") as client:
        answer = await complete(client)
        stream = await events(client)
    assert answer["choices"][0]["text"] == " you ████ off"
    assert streamed_text(stream) == " you ████ off"


async def test_a_masked_token_shows_neither_itself_nor_its_alternatives(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" fuck x"]), profanity="mask") as client:
        answer = await complete(client, logprobs=2)
    tokens = answer["choices"][0]["logprobs"]
    assert [token["token"] for token in tokens] == [" ", "█", "█", "█", "█", " ", "x"]
    assert [token["top"] for token in tokens[1:5]] == [{}] * 4


async def test_the_seam_between_prompt_and_completion_is_checked(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=["ck off", " fine"])) as client:
        answer = await complete(client, prompt="what the fu")
    assert answer["choices"][0]["text"] == " fine"
    assert answer["guard"]["attempts"] == 2


async def test_a_rejected_stream_ends_before_the_word(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" you fuck off"])) as client:
        *pieces, last = await events(client)
    assert streamed_text(pieces) == " you "
    assert last["choices"] == [{"index": 0, "text": "", "finish_reason": "content_filter", "healed": 0}]


async def test_a_stream_that_has_shown_nothing_is_tried_again(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=["fuck off", " fine"])) as client:
        *pieces, last = await events(client)
    assert streamed_text(pieces) == " fine"
    assert last["guard"]["attempts"] == 2


async def test_with_the_guard_off_a_request_may_turn_it_on(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" fuck"]), profanity="off") as client:
        off = await complete(client)
        on = await complete(client, profanity="mask")
    assert off["choices"][0]["text"] == " fuck"
    assert off["guard"]["policy"] == "off"
    assert on["choices"][0]["text"] == " ████"
