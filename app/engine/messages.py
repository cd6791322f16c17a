"""What crosses the pipe between the HTTP process and the engine process: token ids, never text."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.model.shape import ModelShape


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen from the logits; the defaults are greedy.

    Attributes:
        temperature: Divides the logits; 0 is greedy.
        top_k: Keep the k likeliest tokens; 0 keeps all.
        top_p: Keep the smallest set of tokens with at least this probability (Holtzman et al., 2020).
        min_p: Keep tokens with at least this share of the likeliest one's probability; 0 keeps all.
        repetition_penalty: Divides positive and multiplies negative logits of tokens seen in the prompt or
            the completion (Keskar et al., 2019); 1 is off.
        presence_penalty: Subtracted from the logits of tokens already generated.
        frequency_penalty: Subtracted once for each time a token was generated.
        logit_bias: Pairs of token id and what is added to its logit.
        seed: Same request, same seed: same tokens, on one build and machine, whatever else is running.
        logprobs: Likeliest alternatives reported for each token; None reports none, 0 the chosen one only.
        min_tokens: Tokens before which none of the generation's stop ids is chosen.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    seed: int = 0
    logprobs: int | None = None
    min_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of a person's own that the next tokens may spell.

    Attributes:
        tokens: Of the phrase, from the beginning of what was typed; at least one.
        weight: Probability that it is written, before what was typed is known.
    """

    tokens: tuple[int, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Generation:
    """One sequence to generate.

    Attributes:
        prompt: Token ids, already cut to the window; at least one.
        max_tokens: Most tokens to generate; prompt and completion fit the sequence length together.
        sampling: How tokens are chosen.
        stop_ids: A token among these ends the generation with reason `stop` and is not reported.
        stream_interval: Tokens reported at once, after the first: where nobody reads along, fewer messages
            leave more of the processor to the engine.
        typed: Bytes that the text must go on with (token healing): the last, perhaps unfinished piece of what
            a person has typed, which is not in the prompt. Tokens are reported with it.
        scores: Whether each token is reported with how sure it was.
        alternatives: Other first words that are continued beside the likeliest one.
        phrases: A person's own that fit what is typed; their weights add up to less than 1.
        forced: Tokens that follow the prompt, whichever the model would choose: the first of `max_tokens`,
            reported like those that are chosen. So a text is scored.
        owner: Who may find what is computed here in the caches; keys and values of others stay unseen.
        grammar: What the text behind `typed` must match, as `app.model.grammar` completes it; "" is anything.
    """

    prompt: tuple[int, ...]
    max_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    stop_ids: tuple[int, ...] = ()
    stream_interval: int = 1
    typed: bytes = b""
    scores: bool = False
    alternatives: int = 0
    phrases: tuple[Phrase, ...] = ()
    owner: str = ""
    forced: tuple[int, ...] = ()
    grammar: str = ""

    @property
    def ids(self) -> tuple[int, ...]:
        """Every token id that indexes something: of the prompt, forced, of phrases, or with a bias."""
        phrased = tuple(token for phrase in self.phrases for token in phrase.tokens)
        return self.prompt + self.forced + phrased + tuple(token for token, _ in self.sampling.logit_bias)

    @property
    def needs_bytes(self) -> bool:
        """Whether it can be run only where the bytes of all tokens are known."""
        return bool(self.typed or self.alternatives or self.scores or self.phrases or self.grammar)

    def validate(self, shape: ModelShape) -> str | None:
        """Why a model of that shape cannot run it, or nothing."""
        length = len(self.prompt) + self.max_tokens
        if not self.prompt or self.max_tokens < 1 or length > shape.sequence_length:
            return f"{length} tokens do not fit {shape.sequence_length}"
        if len(self.forced) > self.max_tokens:
            return f"{len(self.forced)} tokens are forced, of at most {self.max_tokens}"
        if self.grammar and self.alternatives:
            return "other first words are not searched within a grammar"
        if not all(0 <= token < shape.vocabulary for token in self.ids):
            return "a token id is outside the vocabulary"
        return None


@dataclass(frozen=True, slots=True)
class Submit:
    """To the engine: generate this under a number that is new."""

    number: int
    generation: Generation


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the engine: the reader of this number has left; free its slot. Answered by nothing."""

    number: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """To the engine: end the process."""


@dataclass(frozen=True, slots=True)
class Logprob:
    """Natural logarithms of probabilities at one position, before temperature and cuts."""

    chosen: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Prefilled:
    """From the engine: the prompt of one generation is computed; comes with its first token.

    Attributes:
        cached_tokens: Prompt tokens whose keys and values were reused.
        queue_seconds, prefill_seconds: Where the time went until now.
    """

    number: int
    cached_tokens: int
    queue_seconds: float
    prefill_seconds: float


@dataclass(frozen=True, slots=True)
class Score:
    """How sure a token was: natural logarithms, before temperature, penalties and cuts.

    Attributes:
        chosen: Of its probability, given what was typed.
        ended: Of the probability that the word before it had ended.
    """

    chosen: float
    ended: float


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another first word and what follows it.

    Attributes:
        ids: Its tokens, from the beginning of what was typed.
        scores: Theirs.
        probability: Of the word, and that it ends there, given everything typed.
    """

    ids: tuple[int, ...]
    scores: tuple[Score, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """From the engine: the next tokens of one generation, with logprobs and scores where asked for."""

    number: int
    ids: tuple[int, ...]
    logprobs: tuple[Logprob, ...] = ()
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """From the engine: the last message of a generation.

    Attributes:
        reason: `stop` (a stop id) or `length`.
        probability: Of the first word, and that it ends there, where the ways to write it were searched.
        alternatives: The other first words, the likeliest first.
        typed: Log of the probability that the text goes on with what was typed, by a token that begins with
            all of it; where there are scores.
    """

    number: int
    reason: str
    probability: float | None = None
    alternatives: tuple[Alternative, ...] = ()
    typed: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """From the engine: this generation alone has failed; `grammar` says that its grammar is the reason."""

    number: int
    message: str
    grammar: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """From the engine: the model is loaded and has completed a real prompt."""

    runtime: str
    runtime_version: str


@dataclass(frozen=True, slots=True)
class Refused:
    """From the engine: the model cannot be run, and why."""

    message: str


@dataclass(frozen=True, slots=True)
class Stats:
    """From the engine, some times a second and when a level changes: counters since its start, levels now.

    Attributes:
        slots_busy, waiting: Sequences that have a slot, and that wait for one.
        decode_steps, decode_rows: Calls that computed new tokens, and the tokens.
        cached_tokens: Tokens of prompts that need not be computed.
        prefix_bytes: Memory of the prefix cache.
        drafted_tokens, accepted_tokens: Tokens guessed, and those that were right.
        known_tokens: New tokens answered without any computation.
        searches: Generations whose first word was searched.
        masks, mask_seconds: Looks at what a grammar permits next, and what they took.
    """

    slots_busy: int = 0
    waiting: int = 0
    decode_steps: int = 0
    decode_rows: int = 0
    cached_tokens: int = 0
    prefix_bytes: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    known_tokens: int = 0
    searches: int = 0
    masks: int = 0
    mask_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Logged:
    """From the engine: a line for the log, which the HTTP process writes in its own format."""

    level: int
    message: str


ToEngine = Submit | Cancel | Shutdown
FromEngine = Ready | Refused | Prefilled | Tokens | Finished | Failed | Stats | Logged
