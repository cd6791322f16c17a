"""Compares a built file with the checkpoint it came from: token ids, then greedy text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.engine.worker.offline import complete_greedily
from app.model.manifest import Manifest, read_manifest, verify_file
from app.model.tokenizer import open_text_model
from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import Reference
from models.evaluation.reference_tokenizer import source_tokenizer
from models.evaluation.samples import PROMPTS, sample_texts
from models.progress import Stages
from models.sources import checkpoint_of

CONTINUED = 32


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the file and its source agree; `tokens_equal` counts up to each prompt's first difference."""

    texts: int
    texts_equal: int
    prompts: int
    prompts_equal: int
    tokens: int
    tokens_equal: int


def verify(path: Path, source: Path | None, texts: int, stages: Stages) -> Agreement:
    """Compare `texts` strings and the 20 prompts.

    Raises:
        ModelRefusedError: The file is not the manifest's.
        SourceError: The checkpoint cannot be read.
    """
    manifest = read_manifest(path)
    verify_file(path, manifest)
    with stages.stage("Read the weights"):
        checkpoint = checkpoint_of(path, manifest.source, source)
        checkpoint = replace(checkpoint, weights=dict(checkpoint.weights))  # many tokens, one at a time
    with stages.stage("Compare token ids"):
        tokenizer = open_text_model(path, path.parent / "text_ops", "litert", normalizer=manifest.normalizer)
        oracle = source_tokenizer(source, checkpoint.vocabulary)
        strings = sample_texts(texts)
        same = sum(tokenizer.tokenize(text) == oracle(text) for text in strings)
    with stages.stage("Compare greedy text"):
        start = [] if checkpoint.start_id is None else [checkpoint.start_id]
        prompts = [[*start, *oracle(prompt)] for prompt in PROMPTS]
        found = _greedy(path, manifest, prompts)
        wanted = _reference(checkpoint, prompts)
    equal = [_common(a, b) for a, b in zip(found, wanted, strict=True)]
    return Agreement(
        texts=len(strings),
        texts_equal=same,
        prompts=len(prompts),
        prompts_equal=sum(a == b for a, b in zip(found, wanted, strict=True)),
        tokens=sum(map(len, wanted)),
        tokens_equal=sum(equal),
    )


def _greedy(path: Path, manifest: Manifest, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    return complete_greedily(path, manifest, prompts, CONTINUED)


def _reference(checkpoint: Checkpoint, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    reference = Reference(checkpoint)
    return [reference.greedy(prompt, CONTINUED, checkpoint.end_ids) for prompt in prompts]


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    differs = np.flatnonzero([x != y for x, y in zip(a, b, strict=False)])
    return int(differs[0]) if len(differs) else min(len(a), len(b))
