"""`/v1/responses`, asked by the openai SDK over a socket."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.app.asking import FOX
from tests.app.sdk import Listen, client_of
from tests.fakes import FakeEngine


def test_a_response(sdk: OpenAI) -> None:
    answer = sdk.responses.create(model="any", input="hello", metadata={"a": "b"}, temperature=0)
    assert (answer.object, answer.status, answer.output_text) == ("response", "completed", FOX)
    (message,) = answer.output
    assert message.type == "message"
    assert message.status == "completed"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (22, 25, 47)
    assert (answer.metadata, answer.temperature, answer.error) == ({"a": "b"}, 0, None)


def test_instructions_and_turns_are_rendered_by_the_models_template(listen: Listen) -> None:
    engine = FakeEngine()
    turns: Any = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "hel"}, {"type": "input_text", "text": "lo"}],
        },
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hi", "annotations": []}],
        },
        {"role": "developer", "content": "be kind"},
    ]
    with client_of(listen(engine)) as client:
        client.responses.create(model="any", input=turns, instructions="be brief", max_output_tokens=5)
    (generation,) = engine.generations
    rendered = "system: be brief\nuser: hello\nassistant: hi\nsystem: be kind\nassistant:"
    assert bytes(generation.prompt).decode() == rendered
    assert generation.max_tokens == 5


def test_a_response_that_is_cut_is_incomplete(sdk: OpenAI) -> None:
    answer = sdk.responses.create(model="any", input="hello", max_output_tokens=3)
    assert (answer.status, answer.output_text) == ("incomplete", FOX[:3])
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_a_rejected_response_is_incomplete_and_empty(listen: Listen) -> None:
    with client_of(listen(FakeEngine(scripts=[" fuck"]))) as client:
        answer = client.responses.create(model="any", input="hello")
    assert (answer.status, answer.output_text) == ("incomplete", "")
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "content_filter"


def test_a_streamed_response_is_openais_events_in_order(sdk: OpenAI) -> None:
    events = list(sdk.responses.create(model="any", input="hello", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    deltas = kinds.count("response.output_text.delta")
    assert deltas > 1
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(texts) == FOX
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == FOX
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == 25


def test_each_event_of_the_stream_is_named_and_none_says_done(listen: Listen) -> None:
    asked = {"model": "any", "input": "hello", "stream": True, "max_output_tokens": 2}
    answer = httpx.post(f"{listen()}/v1/responses", json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream")
    frames = answer.text.strip().split("\n\n")
    assert all(frame.startswith("event: response.") for frame in frames)
    assert frames[-1].startswith("event: response.incomplete\ndata: ")


def test_an_error_in_the_stream_is_an_event_of_its_own(listen: Listen) -> None:
    with client_of(listen(FakeEngine(fail_after=9), profanity="off")) as client:
        *_, last = client.responses.create(model="any", input="x", stream=True)
    assert last.type == "error"
    assert (last.code, last.param) == ("engine_failed", None)


def test_an_error_before_the_stream_has_its_own_status(listen: Listen) -> None:
    with client_of(listen()) as client, pytest.raises(openai.BadRequestError) as refusal:
        client.responses.create(model="any", input="what the fuck", stream=True)
    assert refusal.value.code == "content_filter"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "function", "name": "f"}]}, "tools"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0.type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]},
            "input.0.content.0.type",
        ),
        ({"input": 7}, "input"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"input": "x" * 9000}, "input"),
        ({"input": "x" * 300, "truncation": "disabled"}, "input"),
    ],
)
def test_what_cannot_be_is_400_with_its_param(listen: Listen, fields: dict[str, Any], param: str) -> None:
    answer = httpx.post(f"{listen()}/v1/responses", json={"model": "any", "input": "x"} | fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_without_a_chat_template_it_is_404(listen: Listen) -> None:
    with client_of(listen(chat_template=None)) as client, pytest.raises(openai.NotFoundError):
        client.responses.create(model="any", input="x")
