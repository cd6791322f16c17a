"""A phrase and the model together: what is likelier is written, and every token moves the weights."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.batch.phrase_blend import PhraseBlend
from app.engine.kv.arrays import Floats
from app.engine.messages import Phrase

SHARES = np.array([0.5, 0.25, 0.15, 0.1])


def logits(shares: Floats = SHARES) -> Floats:
    return np.log(shares).astype(np.float32) + np.float32(3.0)


def test_each_token_has_what_model_and_phrase_give_it_together() -> None:
    mixed, allowed = PhraseBlend((Phrase((2, 1), 0.2),)).mix(logits(), None)
    assert np.exp(mixed) == pytest.approx([0.4, 0.2, 0.32, 0.08], abs=1e-6)
    assert allowed is None


def test_phrases_that_go_on_alike_add_up() -> None:
    mixed, _ = PhraseBlend((Phrase((2, 1), 0.2), Phrase((2, 3), 0.3))).mix(logits(), None)
    assert np.exp(mixed[2]) == pytest.approx(0.5 * 0.15 + 0.5, abs=1e-6)


def test_where_only_the_phrase_permits_a_token_the_models_share_does_not_count() -> None:
    mixed, allowed = PhraseBlend((Phrase((0, 1), 0.2),)).mix(logits(), np.array([2, 3], np.int32))
    assert allowed is not None
    assert allowed.tolist() == [2, 3, 0]
    assert np.exp(mixed[[0, 2]]) == pytest.approx([0.2, 0.8 * 0.15], abs=1e-6)


def test_without_phrases_logits_are_left_alone() -> None:
    values, blend = logits(), PhraseBlend(())
    assert blend.mix(values, None)[0] is values
    assert not blend.observe(1, values, None)


def test_a_token_moves_the_weights_by_bayes_rule() -> None:
    blend = PhraseBlend((Phrase((3, 1), 0.2), Phrase((2, 1), 0.1)))
    assert not blend.observe(3, logits(), None)
    assert [phrase.tokens for phrase in blend.phrases] == [(1,)]
    assert blend.weight == pytest.approx(0.2 / (0.2 + 0.7 * 0.1), abs=1e-6)


def test_a_token_that_no_phrase_goes_on_with_ends_them() -> None:
    blend = PhraseBlend((Phrase((3, 1), 0.2),))
    assert not blend.observe(0, logits(), None)
    assert blend.phrases == ()


@pytest.mark.parametrize(("weight", "ended"), [(0.5, True), (0.01, False)])
def test_the_last_token_of_a_phrase_ends_it_where_it_is_likelier_than_the_model(
    weight: float, ended: bool
) -> None:
    blend = PhraseBlend((Phrase((0,), weight),))
    assert blend.observe(0, logits(), None) is ended
    assert blend.phrases == ()


def test_after_a_token_that_only_a_phrase_permits_it_is_certain() -> None:
    blend = PhraseBlend((Phrase((0, 1), 0.01),))
    blend.observe(0, logits(), np.array([2], np.int32))
    assert blend.weight == 1.0
    mixed, _ = blend.mix(logits(), None)
    assert np.isfinite(mixed).all()


def test_a_phrase_leads_where_what_is_typed_is_unlikely_otherwise() -> None:
    blend = PhraseBlend((Phrase((0, 1), 0.01),))
    assert not blend.leads(np.log(0.02))
    assert blend.leads(np.log(0.005))
    assert np.exp(blend.share(np.log(0.02))) == pytest.approx(0.99 * 0.02 / (0.99 * 0.02 + 0.01))


def test_a_phrase_begins_with_a_text_however_that_is_written() -> None:
    blend = PhraseBlend((Phrase((0, 2), 0.01),))
    assert blend.begins(b"ab", [b"a", b"ab", b"bc"])
    assert not blend.begins(b"b", [b"a", b"ab", b"bc"])
