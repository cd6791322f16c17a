"""Small models of each family from Hugging Face's folders, beside what transformers computed for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.checkpoint.numpy_decoder import Reference
from models.sources.families import FAMILIES
from models.sources.hugging_face import read_hugging_face
from tests.families.folders import read_expected, write_folder

EXPECTED = read_expected()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_family_continues_a_text_as_transformers_does(name: str, tmp_path: Path) -> None:
    expected = EXPECTED[name]
    reference = Reference(read_hugging_face(write_folder(tmp_path / "model", expected)))
    logits = reference.extend(expected.prompt)[-1][: len(expected.logits)]
    assert np.abs(logits - np.array(expected.logits)).max() < 1e-3 * np.abs(expected.logits).max()
    assert reference.greedy(expected.prompt, len(expected.greedy), ()) == expected.greedy


def test_every_family_is_compared() -> None:
    assert {each.config["model_type"] for each in EXPECTED.values()} | {"gemma3"} == set(FAMILIES)
