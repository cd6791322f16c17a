"""What a request gets where it says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from app.completion.defaults import advised_settings, job_with_defaults, plain_job, sampling_with_defaults
from app.completion.job import Job
from app.completion.limits import Limits
from app.completion.prompt import PlainPrompt
from app.engine.messages import Sampling
from app.errors import InvalidRequestError
from app.settings import Settings
from tests.fakes import tiny_manifest


def limits(settings: Settings, *refused: str) -> Limits:
    return Limits.of(settings, sequence_length=256, vocabulary_size=1000, refused=refused)


def plain(text: str = "x", *refused: str, **asked: Any) -> Job:
    settings = Settings()
    return plain_job(settings, limits(settings, *refused), text, **asked)


def test_a_job_that_says_nothing_gets_the_servers_defaults() -> None:
    settings = Settings(default_max_tokens=9, profanity="mask", request_timeout_seconds=2, window_share=0.25)
    sampling = Sampling()
    assert job_with_defaults(settings, limits(settings), PlainPrompt("x"), sampling) == Job(
        prompt=PlainPrompt("x"),
        max_tokens=9,
        reserved=9,
        window=64,
        sampling=sampling,
        policy="mask",
        timeout=2.0,
        choices=1,
        stop=(),
        echo=False,
        refuse_truncation=False,
    )


def test_what_a_job_says_counts() -> None:
    settings = Settings()
    asked: dict[str, Any] = {"max_tokens": 5, "reserved": 1, "window": 7, "choices": 2, "echo": True}
    job = job_with_defaults(
        settings, limits(settings), PlainPrompt("x"), Sampling(), **asked, timeout_ms=50, stop=["a"]
    )
    assert {name: getattr(job, name) for name in asked} == asked
    assert (job.timeout, job.stop) == (0.05, ("a",))


def test_the_default_of_max_tokens_fits_the_sequence_length() -> None:
    settings = Settings(default_max_tokens=400, max_tokens=400)
    assert job_with_defaults(settings, limits(settings), PlainPrompt("x"), Sampling()).max_tokens == 255


def test_sampling_that_says_nothing_gets_the_servers_defaults() -> None:
    settings = Settings(default_temperature=0.3, default_top_p=0.7, default_repetition_penalty=1.2)
    assert sampling_with_defaults(settings, seed=5) == Sampling(
        temperature=0.3, top_p=0.7, repetition_penalty=1.2, seed=5
    )


def test_a_seed_that_is_absent_is_drawn() -> None:
    assert len({sampling_with_defaults(Settings()).seed for _ in range(4)}) == 4


def test_a_top_p_of_0_is_the_likeliest_token_alone() -> None:
    assert sampling_with_defaults(Settings(), top_p=0.0).top_p == 1e-6


def test_a_plain_job_continues_a_text_after_the_text() -> None:
    job = plain("The fox", max_tokens=5, temperature=0.0, seed=3, stop=[" over"])
    assert (job.prompt, job.echo, job.max_tokens) == (PlainPrompt("The fox"), True, 5)
    assert (job.sampling.temperature, job.sampling.seed, job.stop) == (0.0, 3, (" over",))


@pytest.mark.parametrize(
    ("text", "asked", "message"),
    [
        ("x" * 8193, {}, "prompt: at most 8192 characters are accepted"),
        ("x", {"max_tokens": 256}, "max_tokens: at most 255 is accepted"),
        ("x", {"stop": ["a", "x" * 65]}, "stop: at most 64 characters are accepted"),
    ],
)
def test_a_plain_job_over_a_limit_is_refused(text: str, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        plain(text, **asked)
    assert refusal.value.message == message


def test_a_plain_job_that_the_file_cannot_honour_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"^seed: this model file does not support it"):
        plain("x", "seed", "max_tokens", seed=3)
    assert plain("x", "seed", "max_tokens").max_tokens == 64


def test_the_models_authors_decide_what_nobody_has_set() -> None:
    manifest = tiny_manifest().model_copy(
        update={"sampling": {"temperature": 0.6, "top_k": 20.0, "min_p": 0.1, "top_p": 0.8}}
    )
    sampling = sampling_with_defaults(advised_settings(Settings(default_temperature=0.2), manifest), seed=1)
    assert (sampling.temperature, sampling.top_k, sampling.min_p, sampling.top_p) == (0.2, 20, 0.1, 0.8)
    assert isinstance(sampling.top_k, int)
    asked = sampling_with_defaults(advised_settings(Settings(), manifest), seed=1, top_k=0, min_p=0.0)
    assert (asked.temperature, asked.top_k, asked.min_p) == (0.6, 0, 0)
    assert advised_settings(Settings(), tiny_manifest()) == Settings()
