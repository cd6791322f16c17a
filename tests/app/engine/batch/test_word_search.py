from __future__ import annotations

import math

import numpy as np
import pytest

from app.engine.batch.word_search import (
    WIDTH,
    Word,
    WordSearch,
    first_word,
    is_uncertain,
    log_softmax,
    log_sum,
)
from app.engine.kv.arrays import Floats
from app.model.vocabulary import Vocabulary

PIECES = [
    b"",
    b" c",
    b" co",
    b" con",
    b"f",
    b"fig",
    b"figure",
    b"ig",
    b"ure",
    b" confirm",
    b" ",
    b".",
    b"irm",
]
VOCABULARY = Vocabulary.of(PIECES, control=[0])


def logits(**shares: float) -> Floats:
    """Logits of tokens named by their text (`_` for a space); the others share the rest."""
    named = {PIECES.index(name.replace("_", " ").encode()): share for name, share in shares.items()}
    other = (1 - sum(named.values())) / (len(PIECES) - len(named))
    return np.log(np.array([named.get(n, other) for n in range(len(PIECES))], np.float32))


END = logits(**{".": 0.9})


def run(typed: bytes, wanted: int, **after: Floats) -> list[tuple[str, float]]:
    """Search with the logits behind each path of tokens; the words with their probabilities."""
    search = searched(typed, wanted, **after)
    return [(found.word.text.decode(), math.exp(found.mass)) for found in search.ranked()]


def searched(typed: bytes, wanted: int, **after: Floats) -> WordSearch:
    """A search that has ended."""
    search = WordSearch(VOCABULARY, typed, wanted, 8)
    search.start(after[""])
    while search.live:
        search.advance([after.get(spelled(word), END) for word in search.live])
    return search


def spelled(word: Word) -> str:
    return b"".join(PIECES[token] for token in word.tokens).decode()


def test_all_ways_to_write_a_word_are_added_up() -> None:
    begin = logits(_confirm=0.2, _con=0.3, _co=0.1)
    after = {"": begin, " con": logits(figure=0.6, fig=0.3), " config": logits(ure=0.9)}
    ranked = dict(run(b" con", 1, **after))
    # " con" + "figure", and " con" + "fig" + "ure"; each word ends with nine tenths and what else ends it
    assert max(ranked, key=lambda word: ranked[word]) == " configure"


def test_a_word_that_only_shorter_tokens_reach_is_found() -> None:
    after = {"": logits(_co=0.9), " co": logits(f=0.05, ig=0.9), " coig": END}
    ((word, probability), *_) = run(b" coi", 1, **after)
    assert word == " coig"
    assert probability == pytest.approx(1.0, abs=0.2)


def test_words_come_the_likeliest_first() -> None:
    after = {"": logits(_confirm=0.5, _con=0.3), " con": logits(figure=0.5, fig=0.3)}
    words = run(b" con", 3, **after)
    probabilities = [probability for _, probability in words]
    assert words[0][0] == " confirm"
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) <= 1.0


def test_a_call_computes_the_likeliest_hypotheses_and_the_others_come_later() -> None:
    begin = logits(_con=0.2, _confirm=0.05, _co=0.3, _c=0.25, **{"_": 0.1})
    search = WordSearch(VOCABULARY, b" con", 5, 8)
    search.start(begin)
    assert [spelled(word) for word in search.live] == [" co", " c", " con", " confirm"][:WIDTH]
    search = WordSearch(VOCABULARY, b" c", 5, 8)
    search.start(begin)
    assert [spelled(word) for word in search.live] == [" co", " c", " con", " "][:WIDTH]
    search.advance([END] * len(search.live))
    assert " confirm" in [spelled(word) for word in search.live]


def test_a_search_ends_where_no_hypothesis_can_lift_another_word() -> None:
    """One word has 0.3; others could get 0.29 by each of two hypotheses, but none by both."""
    after = {"": logits(_con=0.4, _co=0.35), " con": logits(figure=0.7, **{".": 0.1}), " co": END}
    search = WordSearch(VOCABULARY, b" co", 1, 8)
    search.start(after[""])
    calls = 0
    while search.live:
        calls += 1
        search.advance([after.get(spelled(word), END) for word in search.live])
    assert calls == 1
    assert search.leader is not None
    assert spelled(search.leader.word) == " co"


@pytest.mark.parametrize(
    ("shares", "uncertain"),
    [({"_con": 0.5, "_c": 0.1, "_co": 0.1}, False), ({"_con": 0.1, "_c": 0.3, "_co": 0.3}, True)],
)
def test_a_word_is_uncertain_where_shorter_tokens_are_likelier(
    shares: dict[str, float], uncertain: bool
) -> None:
    assert is_uncertain(VOCABULARY, b" con", logits(**shares)) is uncertain


def test_nothing_is_uncertain_where_no_shorter_token_is() -> None:
    assert not is_uncertain(VOCABULARY, b".", END)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nce is", "nce"),
        ("nce", None),
        (" the ", " the"),
        (" ", None),
        (".", "."),
        (", and", None),
        (", and ", ", and"),
        ("", None),
        ("日本", "日本"),
    ],
)
def test_a_first_word_ends_where_something_follows_it(text: str, word: str | None) -> None:
    assert first_word(text) == word


def test_log_probabilities_add_up_to_one() -> None:
    values = log_softmax(np.array([1.0, 2.0, 3.0], np.float32))
    assert float(np.exp(values).sum()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_an_error(value: float) -> None:
    with pytest.raises(FloatingPointError, match="the model's logits are not finite"):
        log_softmax(np.full(3, value, np.float32))


@pytest.mark.parametrize("values", [[-1.0], [-0.5, -80.0, -2.0], [-500.0, -501.0], [-math.inf, -3.0]])
def test_probabilities_are_added_up_by_their_logs(values: list[float]) -> None:
    assert log_sum(np.array(values, np.float32)) == pytest.approx(np.logaddexp.reduce(values), rel=1e-6)


def test_impossible_tokens_add_up_to_nothing() -> None:
    assert log_sum(np.full(3, -math.inf, np.float32)) == -math.inf
