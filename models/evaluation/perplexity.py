"""What a built file lost: its logits beside the float32 reference's, on a text in the repository."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from app.engine.config import EngineConfig
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry
from app.engine.runtimes.interface import Runner
from app.engine.worker.process import open_runner
from app.model.manifest import Manifest
from app.model.shape import ModelShape, model_shape
from app.resources import usable_cores
from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import Reference, pass_through
from models.checkpoint.vocabulary import Vocabulary
from models.errors import BuildError
from models.evaluation.reference_tokenizer import make_oracle
from models.tflite.graph import Array

TEXTS = Path(__file__).parents[1] / "texts"
WINDOW = 512
"""Tokens read from a blank cache on; the text is cut into such windows."""

CHUNK = 128
"""Tokens a call, as the engine prefills."""

STEPS = 24
"""Decode steps that are timed."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured on `tokens` tokens of the text, in windows of WINDOW.

    Attributes:
        perplexity, reference_perplexity: exp of the mean negative log-likelihood of the next token.
        agreement: Share of places where file and reference find the same token likeliest.
        largest_difference: Of a logit after both rows' means are taken away.
        prefill_ms, decode_ms: Median time a token on this machine, one sequence.
    """

    text: str
    tokens: int
    perplexity: float
    reference_perplexity: float
    agreement: float
    largest_difference: float
    prefill_ms: float
    decode_ms: float

    @property
    def record(self) -> dict[str, float | str | None]:
        """For the manifest, rounded to what is meant."""
        return {k: v if isinstance(v, str) else round(float(v), 4) for k, v in asdict(self).items()}


def read_text(name: str, vocabulary: Vocabulary) -> list[int]:
    """Token ids of a text of the repository, `calibration` or `quality`."""
    text = (TEXTS / f"{name}.txt").read_text(encoding="utf-8")
    ids: list[int] = make_oracle(vocabulary).encode(text).ids
    return ids


def cut(ids: list[int], tokens: int, window: int, start_id: int | None = None) -> list[list[int]]:
    """The first `tokens` ids in windows; a last one of a single token is dropped: it predicts nothing.

    A model's start token stands first in each window, and counts as one of its tokens.
    """
    first = [] if start_id is None else [start_id]
    size = window - len(first)
    starts = range(0, min(tokens, len(ids)), size)
    windows = [first + ids[start : min(start + size, tokens)] for start in starts]
    return [each for each in windows if len(each) > 1]


def measure(
    model: Path, manifest: Manifest, checkpoint: Checkpoint, tokens: int, advance: Callable[[float], None]
) -> Quality:
    """Read the first `tokens` tokens of the text with the file and with the reference.

    Args:
        model: The file, through the runtime that it was built for, on all processors.
        manifest: The file's.
        checkpoint: What it was built from.
        tokens: Fewer are read where the text ends.
        advance: Is told the share that is done, 0 to 1.

    Raises:
        BuildError: The file computes something that is not finite.
    """
    shape = model_shape(manifest)
    runner = open_runner(_config(model, manifest, shape))
    length = min(WINDOW, manifest.sequence_length)
    windows = cut(read_text("quality", checkpoint.vocabulary), tokens, length, checkpoint.start_id)
    tally, prefill, decode = _Tally(), list[float](), list[float]()
    hidden, reference = _read(checkpoint, windows), Reference(_without_layers(checkpoint))
    for n, window in enumerate(windows):
        entry = Entry.empty(shape)
        for start, chunk in _chunks(window):
            began = time.perf_counter()
            logits = runner.prefill(entry, np.array(chunk, np.int32), range(len(chunk)))
            prefill.append((time.perf_counter() - began) / len(chunk))
            expected = reference.head(hidden[n][start : start + len(chunk)])
            tally.add(logits, expected, window[start + 1 : start + len(chunk) + 1])
        if n == 0:
            decode = _time_decode(runner, shape, entry)
        advance((n + 1) / len(windows))
    if not np.isfinite(tally.likelihood).all():
        raise BuildError(f"{model}: its logits are not finite")
    ours, theirs = np.exp(-tally.likelihood / tally.targets)
    return Quality(
        text="quality.txt",
        tokens=tally.places,
        perplexity=float(ours),
        reference_perplexity=float(theirs),
        agreement=tally.equal / tally.places,
        largest_difference=tally.largest,
        prefill_ms=1e3 * float(np.median(prefill)),
        decode_ms=1e3 * float(np.median(decode)),
    )


def _read(checkpoint: Checkpoint, windows: list[list[int]]) -> list[Array]:
    """Hidden states [T, D] of each window, which the reference reads layer by layer."""
    reading = pass_through(checkpoint, windows)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            states: list[Array] = end.value
            return states


def _without_layers(checkpoint: Checkpoint) -> Checkpoint:
    """The same with the weights outside its layers, in memory."""
    names = [name for name in checkpoint.weights if not name.split(".")[0].isdigit()]
    return replace(checkpoint, weights={name: checkpoint.weights[name] for name in names})


class _Tally:
    """Sums over the places of the text; the log-likelihoods are the file's and the reference's."""

    def __init__(self) -> None:
        self.likelihood = np.zeros(2)
        self.targets = self.places = self.equal = 0
        self.largest = 0.0

    def add(self, ours: Array, theirs: Array, targets: list[int]) -> None:
        """Logits [T, V] of both, and what came next; the last place may have no target."""
        self.likelihood += _likelihood(ours, targets), _likelihood(theirs, targets)
        self.targets += len(targets)
        self.places += len(ours)
        self.equal += int((ours.argmax(-1) == theirs.argmax(-1)).sum())
        difference = ours - theirs
        self.largest = max(self.largest, float(np.abs(difference - difference.mean(-1, keepdims=True)).max()))


def _likelihood(logits: Array, targets: list[int]) -> float:
    rows = logits[: len(targets)]
    most = rows.max(-1)
    total = np.exp(rows - most[:, None]).sum(-1, dtype=np.float64)
    return float((rows[np.arange(len(targets)), targets] - most - np.log(total)).sum())


def _chunks(window: list[int]) -> Iterator[tuple[int, list[int]]]:
    for start in range(0, len(window), CHUNK):
        yield start, window[start : start + CHUNK]


def _time_decode(runner: Runner, shape: ModelShape, entry: Entry) -> list[float]:
    """Seconds of some steps after a sequence, each over its last token."""
    cache = DecodeCache(shape, 1)
    cache.fit(entry.length, 1)
    cache.load(0, entry.cached)
    token, place = int(entry.tokens[entry.length - 1]), entry.length - 1
    times = []
    for _ in range(STEPS):
        began = time.perf_counter()
        runner.decode(cache, [token], [place])
        times.append(time.perf_counter() - began)
    return times


def _config(model: Path, manifest: Manifest, shape: ModelShape) -> EngineConfig:
    return EngineConfig(
        model=model,
        digest=manifest.sha256,
        runtime="litert" if manifest.target == "litert" else "tflite-runtime",
        shape=shape,
        threads=usable_cores(),
        slots=1,
        prefill_chunk=CHUNK,
        cache_bytes=0,
        cache_folder=model.parent,
    )
