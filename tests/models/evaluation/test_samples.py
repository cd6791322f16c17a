from __future__ import annotations

from models.evaluation.samples import PROMPTS, sample_texts


def test_sample_texts_are_many_kinds_and_always_the_same() -> None:
    texts = sample_texts(2000)
    assert len(texts) == 2000
    assert texts == sample_texts(2000)
    assert texts != sample_texts(2000, seed=2)
    assert set(PROMPTS) < set(texts)
    everything = "".join(texts)
    for character in "\0 \n\u3000é你م한😀\u200d0'":
        assert character in everything
    for text in texts:
        text.encode()


def test_no_prompt_comes_twice() -> None:
    assert len(set(PROMPTS)) == len(PROMPTS) == 20
