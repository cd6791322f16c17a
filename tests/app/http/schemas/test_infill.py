from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.http.schemas.infill import InfillRequest, chosen_fields
from app.settings import Settings


def test_prefix_and_suffix_are_needed() -> None:
    for body in ({"input_prefix": ""}, {"input_suffix": ""}):
        with pytest.raises(ValidationError, match="Field required"):
            InfillRequest.model_validate(body)


def test_the_likeliest_text_is_taken_by_default() -> None:
    settings = Settings()
    body = InfillRequest(input_prefix="", input_suffix="", top_k=40, seed=1)
    sampling = body.sampling(settings, logprobs=None)
    assert (sampling.temperature, sampling.repetition_penalty, sampling.top_k) == (0.0, 1.0, 40)


def test_a_path_leads_to_a_field_within_an_object() -> None:
    answer = {"content": "x", "timings": {"prompt_n": 3}}
    found = chosen_fields(answer, ["timings/prompt_n", "content/x", "prompt_n"])  # type: ignore[arg-type]
    assert found == {"timings/prompt_n": 3}
    assert chosen_fields(answer, []) == answer  # type: ignore[arg-type]
