"""What goes into the completion pipeline and what comes out, whichever route asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar

from app.completion.context_window import Window
from app.engine.messages import Sampling
from app.model.tokenizer import Tokenizer

T = TypeVar("T")

Policy = Literal["off", "mask", "reject"]
POLICIES: tuple[Policy, ...] = ("off", "mask", "reject")

FinishReason = Literal["stop", "length", "content_filter", "timeout"]


class Prompt(Protocol):
    """What is to be continued.

    Attributes:
        text: What an answer with `echo` repeats.
        before: What stands right before the completion; the guard reads across that seam.
        characters: Its length.
    """

    @property
    def text(self) -> str:
        """See above."""
        ...

    @property
    def before(self) -> str:
        """See above."""
        ...

    @property
    def characters(self) -> int:
        """See above."""
        ...

    def filtered(self, guard: Callable[[str], str]) -> Self:
        """The prompt with each of its texts replaced by what the guard makes of it."""
        ...

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the prompt."""
        ...


@dataclass(frozen=True, slots=True)
class PlainPrompt:
    """A prompt that is one text."""

    text: str

    @property
    def before(self) -> str:
        """The text itself."""
        return self.text

    @property
    def characters(self) -> int:
        """Of the text."""
        return len(self.text)

    def filtered(self, guard: Callable[[str], str]) -> PlainPrompt:
        """The prompt as the guard lets it pass."""
        return PlainPrompt(guard(self.text))

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the text."""
        return tokenizer.tokenize(self.text)


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt to complete.

    Attributes:
        max_tokens: Most tokens of each completion, the sequence length permitting.
        reserved: Tokens of the sequence length that the prompt must leave to the completion.
        window: Most tokens of the prompt that the model sees.
        choices: Completions to make, with seeds that count up from the sampling's.
        stop: A completion ends before the first of these.
        echo: Whether each completion's text begins with the prompt's.
        refuse_truncation: Whether a prompt longer than its window is an error.
        policy: What happens to texts in which the guard finds something.
        timeout: Seconds from now until an answer must be there.
    """

    prompt: Prompt
    max_tokens: int
    reserved: int
    window: int
    sampling: Sampling
    policy: Policy
    timeout: float
    choices: int = 1
    stop: tuple[str, ...] = ()
    echo: bool = False
    refuse_truncation: bool = False


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token that was shown.

    Attributes:
        offset: Where it begins in the completion, in characters.
        logprob: Natural logarithm of its probability.
        top: The likeliest tokens at its place, with theirs.
    """

    token: str
    offset: int
    logprob: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """The next text of one choice; pieces of a choice add up to its whole text."""

    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One completion; logprobs are of the tokens shown, None where they were not asked for."""

    index: int
    text: str
    finish_reason: FinishReason
    logprobs: tuple[TokenLogprob, ...] | None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a job; `cached` of the prompt's were not computed again."""

    prompt: int
    completion: int
    cached: int


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds, of several choices the slowest; a choice without a token counts as one at its end."""

    queue_ms: float
    prefill_ms: float
    decode_ms: float
    first_token_ms: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job; `attempts` is how many samples the choice took that needed most."""

    choices: tuple[Choice, ...]
    usage: Usage
    window: Window
    policy: Policy
    attempts: int
    seed: int
    timings: Timings


def stricter(floor: Policy, asked: Policy | None) -> Policy:
    """The server's policy, or the request's where that is stricter."""
    return max(floor, asked or "off", key=POLICIES.index)


def given(value: T | None, default: T) -> T:
    """What the request says, or the default where it says nothing."""
    return default if value is None else value
