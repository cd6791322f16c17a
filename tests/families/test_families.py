"""Small models of each family from Hugging Face's folders, beside what transformers computed for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.engine.worker.offline import complete_greedily
from models.checkpoint.numpy_decoder import Reference
from models.sources.families import FAMILIES
from models.sources.hugging_face import read_hugging_face
from tests.families.folders import read_expected, write_folder
from tests.tiny import build_tiny

pytestmark = pytest.mark.slow

EXPECTED = read_expected()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_family_continues_a_text_as_transformers_does(name: str, tmp_path: Path) -> None:
    expected = EXPECTED[name]
    reference = Reference(read_hugging_face(write_folder(tmp_path / "model", expected)))
    logits = reference.extend(expected.prompt)[-1][: len(expected.logits)]
    assert np.abs(logits - np.array(expected.logits)).max() < 1e-3 * np.abs(expected.logits).max()
    assert reference.greedy(expected.prompt, len(expected.greedy), ()) == expected.greedy


@pytest.mark.parametrize("name", EXPECTED)
def test_a_familys_file_continues_a_text_as_transformers_does(
    name: str, tmp_path: Path, text_ops: Path
) -> None:
    expected = EXPECTED[name]
    checkpoint = read_hugging_face(write_folder(tmp_path / "model", expected))
    length = min(256, checkpoint.architecture.context_length)
    model = build_tiny(tmp_path / "file", checkpoint, text_ops, sequence_length=length)
    endless = model.manifest.model_copy(update={"end_ids": ()})
    (found,) = complete_greedily(model.path, endless, [expected.prompt], len(expected.greedy))
    assert found == expected.greedy


def test_every_family_is_compared() -> None:
    assert {each.config["model_type"] for each in EXPECTED.values()} | {"gemma3"} == set(FAMILIES)
