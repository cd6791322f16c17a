"""What goes into the completion pipeline and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.completion.constraint import Constraint
from app.completion.context_window import Window
from app.completion.line_limits import UNLIMITED, LineLimits
from app.completion.prompt import Prompt
from app.completion.timings import Timings
from app.completion.words import Until
from app.engine.messages import Sampling

Policy = Literal["off", "mask", "reject"]
POLICIES: tuple[Policy, ...] = ("off", "mask", "reject")

FinishReason = Literal["stop", "length", "content_filter", "timeout", "confidence"]


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt to complete.

    Attributes:
        max_tokens: Most tokens of each completion, the sequence length permitting.
        reserved: Tokens of the sequence length that are kept free for the completion.
        window: Most tokens of the prompt that the model sees.
        choices: Completions to make, with seeds that count up from the sampling's.
        stop: A completion ends before the first of these.
        echo: Whether each completion's text begins with the prompt's.
        refuse_truncation: Whether a prompt longer than its window is an error.
        policy: What happens to texts in which the guard finds something.
        timeout: Seconds until the job is ended, complete or not.
        token_healing: Whether the last piece of a plain prompt is written anew by the first tokens.
        until: Where a completion ends; None at the end of its last whole word.
        min_confidence: A completion is empty unless its first word is as sure.
        scored: Whether it says how sure each word is.
        alternatives: Other first words to continue beside the likeliest one.
        phrases: A person's own, preferred where they fit what is typed.
        suffix: The text behind the caret.
        lines: A completion ends at the line where these say so.
        owner: Who may find what is computed for it in the engine's caches.
        session: Of one person at one place: its newest request ends the one before; "" is none.
        stop_ids: Tokens that end a completion beside the model's own.
        endless: Whether the model may not end the text by itself.
        scores_prompt: Whether the prompt's tokens are scored: each gets its log probability.
        constraint: What each completion must keep to, up to where `max_tokens` or `stop` cut it.
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
    token_healing: bool = False
    until: Until | None = "token"
    min_confidence: float = 0.0
    scored: bool = False
    alternatives: int = 0
    phrases: tuple[str, ...] = ()
    suffix: str = ""
    lines: LineLimits = UNLIMITED
    owner: str = ""
    session: str = ""
    stop_ids: tuple[int, ...] = ()
    endless: bool = False
    scores_prompt: bool = False
    constraint: Constraint | None = None

    @property
    def is_watched(self) -> bool:
        """Whether what a completion says may end it."""
        return bool(self.stop or self.lines)


@dataclass(frozen=True, slots=True)
class TopLogprob:
    """One of the likeliest tokens at a place: its bytes and the natural logarithm of its probability."""

    data: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token that was shown.

    Attributes:
        data: Its bytes, which may begin or end inside a character.
        offset: Where it begins in the completion, in characters; negative in the prompt.
        logprob: Natural logarithm of its probability; None for the first of a text.
        top: The likeliest tokens at its place; None for the first of a text.
    """

    data: bytes
    offset: int
    logprob: float | None
    top: tuple[TopLogprob, ...] | None


@dataclass(frozen=True, slots=True)
class Piece:
    """The next text of one choice; pieces of a choice add up to its whole text."""

    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] | None = None


@dataclass(frozen=True, slots=True)
class AlternativeText:
    """Another suggestion; `confidence` is of its first word."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Choice:
    """One completion.

    Attributes:
        logprobs: Of the tokens shown; None where they were not asked for.
        healed: Characters of what is typed that its first tokens were written over.
        word_confidence: How sure each word is, given the words before it; empty where that is not known.
        alternatives: Other suggestions, the likeliest first.
    """

    index: int
    text: str
    finish_reason: FinishReason
    logprobs: tuple[TokenLogprob, ...] | None
    healed: int = 0
    word_confidence: tuple[float, ...] = ()
    alternatives: tuple[AlternativeText, ...] = ()

    @property
    def confidence(self) -> float | None:
        """Probability of the first word, and that it ends there, given everything typed."""
        return self.word_confidence[0] if self.word_confidence else None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a job; `cached` of the prompt's were not computed again."""

    prompt: int
    completion: int
    cached: int


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


@dataclass(frozen=True, slots=True)
class Opened:
    """A job begins: this is what its prompt's window keeps."""

    window: Window


Event = Opened | Piece | Outcome
"""What a request yields while it runs: each job's beginning, pieces as they are ready, an outcome a job."""


def stricter(floor: Policy, asked: Policy | None) -> Policy:
    """The server's policy, or the request's where that is stricter."""
    return max(floor, asked or "off", key=POLICIES.index)
