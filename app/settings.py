"""Every setting of the service: its unit, its default and one sentence of why. Prefix: AUTOCOMPLETE_."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.installation import default_model
from app.resources import usable_cores

PREFIX = "AUTOCOMPLETE_"

SLOTS_OF_A_THREAD = 4
"""Beyond it a step grows as fast as its tokens do (docs/engine.md)."""

MISSPELT = 0.8
"""How similar a name is, from 0 to 1, that is most likely the same one misspelt."""

MOST_SLOTS = 32
"""Unless more are asked for: each costs memory."""


class Settings(BaseSettings):
    """Read from the environment once, when the service is composed; never changed afterwards."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    # The socket
    host: str = Field(
        default="127.0.0.1", description="Address to listen on: local until someone decides otherwise"
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port; 0 takes a free one")
    workers: int = Field(
        default=1, ge=1, le=64, description="Server processes, each with an engine; threads are divided"
    )
    max_connections: int = Field(
        default=1024,
        ge=1,
        description="Open connections, fewer where fewer files may be open; over them, only probes",
    )
    max_header_bytes: int = Field(
        default=16_384, ge=1024, description="Bytes of one request's head; more is 431"
    )
    max_body_bytes: int = Field(default=65_536, ge=1024, description="Bytes of one body; more is 413")
    header_timeout_seconds: float = Field(
        default=10, gt=0, description="A connection whose head is slower is closed"
    )
    body_timeout_seconds: float = Field(
        default=30, gt=0, description="A body that arrives slower than this is 408"
    )
    keep_alive_seconds: int = Field(
        default=5, ge=1, description="Idle connections are kept this long for the next request"
    )
    send_timeout_seconds: float = Field(
        default=10, gt=0, description="A reader that stalls this long has left"
    )
    ping_seconds: float = Field(
        default=15, gt=0, description="Between comments on a stream: proxies keep it open"
    )

    # The model
    model: Path = Field(
        default_factory=default_model,
        description="The model file, with its manifest beside it; or a foreign one (docs/models.md)",
    )
    text_ops: Path | None = Field(
        default=None,
        description="Folder of the text operators' shared object; empty: text_ops beside the model",
    )
    runtime: Literal["auto", "litert", "tflite-runtime"] = Field(
        default="auto",
        description="What runs the model; auto: the first that is installed",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Threads of all engines together; 0: one for each core that the container may use",
    )
    slots: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Sequences an engine decodes at once; 0: four for each of its threads, at most 32",
    )
    queue_size: int = Field(
        default=32,
        ge=0,
        description="Sequences that may wait for a slot; more are told 429: better than a long wait",
    )
    drafting: bool = Field(
        default=True,
        description="Whether a sequence that is alone may guess its next tokens: same text, sooner",
    )
    prefill_chunk: int = Field(
        default=128,
        ge=1,
        description="Most prompt tokens computed between two decode steps, while others wait",
    )
    weight_cache: Path | None = Field(
        default=None,
        description="Folder for weights packed for this processor at first start; empty: beside the model",
    )
    cache_bytes: int = Field(
        default=120 * 2**20,
        ge=0,
        description="Bytes of keys and values: no more sequences run than fit at their longest; earlier "
        "prompts, for those that begin alike, have the rest",
    )

    # What a request may ask for
    max_prompt_characters: int = Field(
        default=8192,
        ge=1,
        description="Characters of a prompt; tokenizing costs more than linear time",
    )
    max_tokens: int = Field(
        default=1024, ge=1, description="Tokens of a completion, if the model's length permits"
    )
    max_choices: int = Field(default=8, ge=1, description="Sequences of one request: prompts times n")
    max_stop_characters: int = Field(
        default=64, ge=1, description="Characters of a stop string; a stream lags by that much"
    )
    max_logprobs: int = Field(default=5, ge=0, le=20, description="Alternatives reported for a token")
    request_timeout_seconds: float = Field(
        default=60,
        gt=0,
        description="From admission to the answer; also the most that timeout_ms may ask for",
    )

    # What a request gets that does not say
    window_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of the sequence length kept of a prompt; the rest is the completion's",
    )
    default_max_tokens: int = Field(default=64, ge=1, description="Tokens of a completion: a sentence or two")
    default_temperature: float = Field(
        default=0.4,
        ge=0,
        le=2,
        description="Of /v1: likely rather than inventive, and not so greedy that a small model loops",
    )
    default_top_p: float = Field(
        default=0.95, gt=0, le=1, description="Cuts the unlikely tail, where small models go wrong"
    )
    default_top_k: int = Field(default=0, ge=0, le=1_000_000, description="Tokens to choose among; 0 for all")
    default_min_p: float = Field(
        default=0, ge=0, le=1, description="Leaves out tokens less likely than this share of the likeliest"
    )
    complete_temperature: float = Field(
        default=0,
        ge=0,
        le=2,
        description="Of /complete: the likeliest text, which stays the same from one keystroke to the next",
    )
    complete_repetition_penalty: float = Field(
        default=1.0, ge=1, le=2, description="Of /complete: people do repeat words"
    )
    default_repetition_penalty: float = Field(
        default=1.1, ge=1, le=2, description="Of /v1: keeps a small model from looping"
    )

    phrases_file: Path | None = Field(
        default=None,
        description="The organisation's own words and phrases, one a line, preferred by /complete where they "
        "fit what is typed; read at start",
    )

    fill_in: bool = Field(
        default=True,
        description="A model that has tokens for filling in the middle reads the text behind the caret; off "
        "where it was not trained with them",
    )

    # The guard
    profanity: Literal["off", "mask", "reject"] = Field(
        default="reject",
        description="Policy for prompts and completions; a request may only be stricter",
    )
    profanity_retries: int = Field(
        default=2, ge=0, le=10, description="Fresh samples before a completion is withheld"
    )
    profanity_bias: float = Field(
        default=0,
        ge=-100,
        le=0,
        description="Added to the logits of tokens that are bad words, which saves retries; 0: nothing",
    )
    profanity_thresholds: dict[str, int] = Field(
        default={},
        description="Lowest severity flagged (1 to 3; 4: none) by category, as JSON",
    )
    profanity_allow: Path | None = Field(
        default=None, description="Words never matched, one a line; reloaded on change"
    )
    profanity_deny: Path | None = Field(
        default=None, description="Words matched too, one a line; reloaded on change"
    )

    # Who may ask
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Accepted keys, separated by commas; none and no file: everyone may ask"
    )
    api_keys_file: Path | None = Field(
        default=None, description="Accepted keys, one a line; # begins a comment line; reloaded on change"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Web origins whose pages may call, separated by commas; none turns CORS off"
    )

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names in Host headers that are this service's, separated by commas, *.example.com too; "
        "where it is given, or the service listens on loopback, others are told 421; * accepts all",
    )

    # What it shows
    docs: bool = Field(default=True, description="Whether /docs, /redoc and /openapi.json are served")
    playground: bool = Field(default=True, description="Whether the page at / is served")
    metrics: Literal["off", "keyed", "open"] = Field(
        default="keyed",
        description="/metrics: absent (off), behind the API key like every route, or open to all",
    )
    log_format: Literal["auto", "json", "human"] = Field(
        default="auto",
        description="One JSON object a line, or lines for people; auto: the latter on a terminal",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity logged"
    )

    # How it ends
    pre_stop_seconds: float = Field(
        default=0, ge=0, description="From SIGTERM to the end of accepting: balancers see readyz off"
    )
    grace_seconds: int = Field(default=30, ge=1, description="For requests in flight to finish after that")

    @field_validator("api_keys", "cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        if not parts:
            raise ValueError("a list without an entry; leave the variable out, or empty, for none")
        return parts

    @field_validator("cors_origins")
    @classmethod
    def _as_browsers_send(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Without the slash and the capitals that an address is copied with: no browser sends them."""
        return tuple(origin.rstrip("/").lower() for origin in origins)

    @property
    def engine_threads(self) -> int:
        """Threads of each worker's engine."""
        return max(1, (self.threads or usable_cores()) // self.workers)

    @property
    def engine_slots(self) -> int:
        """Sequences that each worker's engine decodes at once."""
        return self.slots or min(SLOTS_OF_A_THREAD * self.engine_threads, MOST_SLOTS)

    @property
    def capacity(self) -> int:
        """Sequences admitted at once: running and waiting."""
        return self.engine_slots + self.queue_size


LIMITS = (
    *("max_connections", "max_header_bytes", "max_body_bytes", "header_timeout_seconds"),
    *("body_timeout_seconds", "keep_alive_seconds", "send_timeout_seconds", "queue_size"),
    *("max_prompt_characters", "max_tokens", "max_choices", "max_stop_characters", "max_logprobs"),
    *("request_timeout_seconds", "pre_stop_seconds", "grace_seconds"),
)
"""Settings that bound what a client may cost."""


def setting_faults(error: ValidationError) -> str:
    """What is wrong with settings, one variable a line."""
    return "\n".join(
        f"{PREFIX}{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    )


def unknown_settings(environment: Iterable[str]) -> list[str]:
    """Variables that look like settings and are none, each with the setting that it may be meant for."""
    looking = [name for name in sorted(environment) if name.upper().startswith(PREFIX)]
    found = [
        name for name in looking if name.upper().removeprefix(PREFIX).lower() not in Settings.model_fields
    ]
    return [f"{name} is no setting{_suggestion(name)}" for name in found]


def _suggestion(name: str) -> str:
    """The nearest setting: one misspelt, else one with something added, else one that is similar.

    The prefix, which all have, makes none of them nearer.
    """
    known = list(Settings.model_fields)
    asked = name.upper().removeprefix(PREFIX).lower()
    shorter = sorted((other for other in known if asked.startswith(f"{other}_")), key=len)
    near = get_close_matches(asked, known, 1, MISSPELT) or shorter[-1:] or get_close_matches(asked, known, 1)
    return "".join(f"; is it {PREFIX}{other.upper()}?" for other in near)


def settings_table(names: Iterable[str] = Settings.model_fields) -> str:
    """Settings as rows of a Markdown table, for the documentation."""
    rows = ["| setting | default | what |", "| --- | --- | --- |"]
    for name in names:
        field = Settings.model_fields[name]
        default = _written(field.get_default(call_default_factory=True))
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "`on`" if value else "`off`"
    return "" if value in (None, (), {}) else f"`{value}`"


if __name__ == "__main__":
    print(settings_table(LIMITS if "limits" in sys.argv else Settings.model_fields), end="")
