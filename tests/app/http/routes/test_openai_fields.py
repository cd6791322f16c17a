"""Fields of `/v1` that other servers have: honoured, without effect and said so, or refused by name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.app.asking import FOX
from tests.app.sdk import Listen, hello
from tests.fakes import END, FakeEngine


def completion(url: str, **fields: Any) -> httpx.Response:
    return httpx.post(f"{url}/v1/completions", json={"model": "any", "prompt": "x"} | fields)


def chat(url: str, **fields: Any) -> httpx.Response:
    return httpx.post(f"{url}/v1/chat/completions", json={"model": "any", "messages": hello()} | fields)


def test_what_changes_nothing_is_named_in_a_header(listen: Listen) -> None:
    url = listen()
    part = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    messages = [
        {"role": "user", "content": [part, part]},
        {"role": "assistant", "content": "hello", "reasoning_content": "hm"},
        {"role": "user", "content": "x"},
    ]
    answers = [
        completion(url, cache_prompt=True, user="me", stream_options={"continuous_usage_stats": True}),
        chat(url, messages=messages),
        chat(url, messages=messages, stream=True),
        completion(url, user="", store=False, metadata=None),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers.get("x-warning") for answer in answers] == [
        "without effect: cache_prompt, stream_options.continuous_usage_stats, user",
        *["without effect: messages.content.cache_control, messages.reasoning_content"] * 2,
        None,
    ]


def test_sixteen_stop_strings_are_taken(listen: Listen) -> None:
    url = listen()
    stops = [f"<|s{number}|>" for number in range(15)]
    assert completion(url, stop=[*stops, " lazy"]).json()["choices"][0]["text"] == " jumps over the"
    refused = completion(url, stop=[*stops, "a", "b"])
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "stop")
    assert (
        refused.json()["error"]["message"]
        == "stop: List should have at most 16 items after validation, not 17"
    )


def test_tokens_that_end_a_text_and_the_least_number_of_tokens_reach_the_engine(listen: Listen) -> None:
    engine = FakeEngine()
    url = listen(engine)
    completion(url, stop_token_ids=[7, 9], min_tokens=3, skip_special_tokens=True).raise_for_status()
    chat(url, ignore_eos=True, logit_bias={"65": 1}).raise_for_status()
    first, second = engine.generations
    assert (first.stop_ids, first.sampling.min_tokens) == ((END, 7, 9), 3)
    assert second.stop_ids == (END,)
    assert second.sampling.logit_bias == ((65, 1.0), (END, -1e9))


@pytest.mark.parametrize(
    ("fields", "param", "reason"),
    [
        ({"best_of": 2}, "best_of", "only the value of n is supported: nothing is ranked"),
        ({"n": 3, "best_of": 2}, "best_of", "only the value of n is supported: nothing is ranked"),
        ({"skip_special_tokens": False}, "skip_special_tokens", "should be True"),
        ({"include_stop_str_in_output": True}, "include_stop_str_in_output", "not supported by this service"),
        ({"stop_token_ids": [257]}, "stop_token_ids", "at most 256 is accepted"),
        ({"min_tokens": 256}, "min_tokens", "at most 255 is accepted"),
        ({"top_k": -2}, "top_k", "should be greater than or equal to -1"),
        ({"stop": 5}, "stop", "should be a string or a list of strings"),
        ({"stop": ["a", 5]}, "stop.1", "should be a valid string"),
        ({"prompt": [1, 2.5]}, "prompt.1", "should be a valid integer"),
        ({"prompt": [[1], []]}, "prompt.1", "List should have at least 1 item after validation, not 0"),
        ({"prompt": [257]}, "prompt", "token ids are at most 256"),
        ({"prompt": ["a", 1]}, "prompt.1", "should be a valid string"),
        (
            {"prompt": {}},
            "prompt",
            "should be a string, a list of strings, or one or more lists of token ids",
        ),
        ({"prompt": []}, "prompt", "List should have at least 1 item after validation, not 0"),
        (
            {"prompt": "x" * 257, "echo": True, "logprobs": 0},
            "prompt",
            "longer than its window of 255 tokens",
        ),
    ],
)
def test_what_cannot_be_is_named_with_its_reason(
    listen: Listen, fields: dict[str, Any], param: str, reason: str
) -> None:
    answer = completion(listen(), **{"max_tokens": 1} | fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["message"]) == (400, param, f"{param}: {reason}")


def test_an_unlike_name_is_not_suggested(listen: Listen) -> None:
    error = completion(listen(), n_predict=5).json()["error"]
    assert (error["param"], error["message"]) == (None, "unknown field")


def test_as_many_samples_as_are_shown_may_be_ranked(listen: Listen) -> None:
    answer = completion(listen(), n=2, best_of=2)
    assert len(answer.json()["choices"]) == 2


@pytest.mark.parametrize(("prompt", "texts"), [([65, 66], ["AB"]), ([[65], [66, 67]], ["A", "BC"])])
def test_prompts_may_be_token_ids(listen: Listen, prompt: Any, texts: list[str]) -> None:
    engine = FakeEngine()
    answer = completion(listen(engine), prompt=prompt, echo=True).json()
    assert [choice["text"] for choice in answer["choices"]] == [text + FOX for text in texts]
    assert sorted(bytes(each.prompt).decode() for each in engine.generations) == texts


def test_token_ids_are_guarded_by_their_text(listen: Listen) -> None:
    ids = list(b"what the fuck")
    engine = FakeEngine()
    refused = completion(listen(engine), prompt=ids)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "content_filter")
    masked = completion(listen(engine, profanity="mask"), prompt=ids)
    assert masked.status_code == 200
    assert bytes(engine.generations[-1].prompt).decode() == "what the ████"


def test_token_ids_over_the_character_limit_lose_their_beginning(listen: Listen) -> None:
    engine = FakeEngine()
    answer = completion(listen(engine), prompt=[*b"x" * 9000, *b" end"]).json()
    assert answer["window"]["truncated"]
    assert bytes(engine.generations[-1].prompt).endswith(b"x end")


def test_more_token_ids_than_characters_are_accepted_lose_their_beginning(listen: Listen) -> None:
    engine = FakeEngine()
    answer = completion(listen(engine), prompt=[*[256] * 9000, *b"end"]).json()
    assert answer["window"]["truncated"]
    assert bytes(engine.generations[-1].prompt) == b"end"


@pytest.mark.parametrize("stream", [False, True])
def test_echo_with_logprobs_and_no_tokens_scores_the_prompt(listen: Listen, stream: bool) -> None:
    engine = FakeEngine()
    answer = completion(listen(engine), prompt="fox", echo=True, logprobs=1, max_tokens=0, stream=stream)
    (generation,) = engine.generations
    assert (generation.prompt, generation.forced, generation.max_tokens) == ((ord("f"),), tuple(b"ox"), 2)
    if stream:
        assert (
            '"text":"fox","logprobs":{"tokens":["f","o","x"],"token_logprobs":[null,-0.5,-0.5]' in answer.text
        )
        return
    (choice,) = answer.json()["choices"]
    assert (choice["text"], choice["finish_reason"]) == ("fox", "length")
    assert choice["logprobs"] == {
        "tokens": ["f", "o", "x"],
        "token_logprobs": [None, -0.5, -0.5],
        "top_logprobs": [None, {"o": -0.5, "x": -1.5}, {"x": -0.5}],
        "text_offset": [0, 1, 2],
    }
    assert answer.json()["usage"] | {"prompt_tokens_details": None} == {
        "prompt_tokens": 3,
        "completion_tokens": 0,
        "total_tokens": 3,
        "prompt_tokens_details": None,
    }


def test_a_scored_prompt_of_one_token_needs_no_score(listen: Listen) -> None:
    answer = completion(listen(), prompt="x", echo=True, logprobs=1, max_tokens=0).json()
    assert answer["choices"][0]["text"] == "x"
    assert answer["choices"][0]["logprobs"]["token_logprobs"] == [None]


def test_a_scored_prompt_is_always_followed_by_the_token_that_is_asked_for(listen: Listen) -> None:
    engine = FakeEngine()
    answer = completion(listen(engine), prompt="fox", echo=True, logprobs=1, max_tokens=1).json()
    assert engine.generations[0].sampling.min_tokens == 1
    assert answer["choices"][0]["logprobs"]["tokens"] == ["f", "o", "x", " "]


def test_no_tokens_without_a_score_are_no_text(listen: Listen) -> None:
    answer = completion(listen(), max_tokens=0).json()
    assert (answer["choices"][0]["text"], answer["choices"][0]["finish_reason"]) == ("", "length")


def test_detokenize_masks_what_the_guard_finds(listen: Listen) -> None:
    ids = list(b"what the fuck")
    masked = httpx.post(f"{listen()}/detokenize", json={"ids": ids}).json()
    assert masked == {"text": "what the ████"}
    assert httpx.post(f"{listen(profanity='off')}/detokenize", json={"ids": ids}).json() == {
        "text": "what the fuck"
    }
