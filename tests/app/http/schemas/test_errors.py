"""The envelope, and how the OpenAPI document describes it."""

from __future__ import annotations

from app.errors import ContentFilterError, InvalidRequestError, NotReadyError, OverloadedError
from app.http.schemas.errors import (
    BODY_ERRORS,
    COMPLETION_ERRORS,
    ErrorAnswer,
    OpenAIErrorAnswer,
    error_body,
    errors,
    openai_error_body,
    openai_errors,
)

FAULT = InvalidRequestError("n", "at most 8 is accepted")


def test_the_envelope_names_the_field_where_one_is_at_fault() -> None:
    assert error_body(FAULT, "4f2a") == {
        "code": "invalid_request",
        "message": "n: at most 8 is accepted",
        "field": "n",
        "reason": "at most 8 is accepted",
        "request_id": "4f2a",
    }
    assert error_body(NotReadyError(), "4f2a") == {
        "code": "not_ready",
        "message": "the model is not ready",
        "request_id": "4f2a",
    }


def test_openais_shape_tells_whose_fault_it_is() -> None:
    assert openai_error_body(FAULT, "4f2a") == {
        "message": "n: at most 8 is accepted",
        "type": "invalid_request_error",
        "param": "n",
        "code": "invalid_request",
        "request_id": "4f2a",
    }
    body = openai_error_body(NotReadyError(), "4f2a")
    assert (body["type"], body["param"]) == ("server_error", None)


def test_an_error_is_described_by_its_status_with_an_example() -> None:
    described = errors(OverloadedError(), FAULT)
    assert list(described) == [429, 422]
    assert described[429]["model"] is ErrorAnswer
    assert described[429]["description"] == "`overloaded`: the queue is full"
    assert described[429]["headers"].keys() == {"Retry-After"}
    assert "headers" not in described[422]
    assert described[422]["content"] == {
        "application/json": {"examples": {"invalid_request": {"value": {"error": error_body(FAULT, "4f2a")}}}}
    }


def test_under_v1_an_invalid_request_is_400_in_openais_shape_beside_the_other_400s() -> None:
    described = openai_errors(ContentFilterError(), FAULT)
    assert list(described) == [400]
    assert described[400]["model"] is OpenAIErrorAnswer
    assert described[400]["description"] == (
        "`content_filter`: the prompt was rejected by the content filter;"
        " `invalid_request`: n: at most 8 is accepted"
    )
    examples = described[400]["content"]["application/json"]["examples"]
    assert list(examples) == ["content_filter", "invalid_request"]
    assert examples["invalid_request"] == {"value": {"error": openai_error_body(FAULT, "4f2a")}}


def test_every_example_is_what_its_model_describes() -> None:
    for error in COMPLETION_ERRORS:
        ErrorAnswer.model_validate({"error": error_body(error, "4f2a")})
        OpenAIErrorAnswer.model_validate({"error": openai_error_body(error, "4f2a")})
    assert set(BODY_ERRORS) < set(COMPLETION_ERRORS)
