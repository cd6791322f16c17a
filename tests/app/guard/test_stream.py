from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard import Guard, GuardStream, OutputPolicy, Span
from app.guard.candidates import Memo
from app.guard.guard import Left, Settled
from tests.app.guard.strategies import texts


def run(stream: GuardStream, pieces: list[str]) -> str:
    return "".join(map(stream.push, pieces)) + stream.finish()


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(text[start : start + size])
        start += size
    return [*pieces, text[start:]]


def test_an_innocent_text_comes_out_as_it_is(guard: Guard) -> None:
    text = "The class assessed the push it gave to Scunthorpe."

    assert run(GuardStream(guard), list(text)) == text


def test_no_character_of_a_bad_word_comes_out(guard: Guard) -> None:
    stream = GuardStream(guard, policy="stop")

    assert [stream.push(piece) for piece in ("Some ", "f", "uc", "k")] == ["Some ", "", "", ""]
    assert stream.push(" and so on, and so forth, and to the end.") == ""
    assert stream.finish() == ""
    assert stream.tripped
    assert stream.verdict.spans == (Span(5, 9, "profanity", 3),)


@pytest.mark.parametrize("policy", ["reject", "stop"])
def test_nothing_comes_out_after_a_bad_word(guard: Guard, policy: OutputPolicy) -> None:
    stream = GuardStream(guard, policy=policy)

    assert run(stream, ["so what, ", "shit", " happens", " every day"]) == "so what, "
    assert stream.stopped


def test_a_bad_word_comes_out_masked(guard: Guard) -> None:
    stream = GuardStream(guard, policy="mask")

    assert run(stream, ["so what, ", "shi", "t", " happens"]) == "so what, ████ happens"
    assert stream.tripped
    assert not stream.stopped


def test_a_word_that_the_prompt_began_is_found(guard: Guard) -> None:
    stream = GuardStream(guard, "what the fu", policy="mask")

    assert run(stream, ["c", "k", " is this"]) == "██ is this"


def test_plain_text_is_delayed_by_a_few_characters_only(guard: Guard) -> None:
    stream = GuardStream(guard)
    text = (
        "Once upon a time there was a small house at the edge of a large wood, and nobody lived in it. " * 3
    )
    delays, passed = [], 0
    for index, character in enumerate(text, 1):
        passed += len(stream.push(character))
        delays.append(index - passed)

    assert max(delays) <= 16
    assert sum(delays) / len(delays) < 3


@given(texts, st.lists(st.integers(0, 9)), st.sampled_from(get_args(OutputPolicy)))
def test_any_chunking_gives_what_the_whole_text_gives(
    guard: Guard, text: str, sizes: list[int], policy: OutputPolicy
) -> None:
    stream = GuardStream(guard, policy=policy)
    verdict = guard.check(text)
    out = run(stream, cut(text, sizes))

    if policy == "mask":
        assert stream.verdict == verdict
        assert out == guard.mask(text, verdict)
    else:
        assert stream.verdict.spans[:1] == verdict.spans[:1]
        assert out == (text[: verdict.spans[0].start] if verdict.flagged else text)


@given(texts, texts, st.lists(st.integers(0, 9)))
def test_any_chunking_after_a_prompt_gives_what_the_whole_text_gives(
    guard: Guard, before: str, text: str, sizes: list[int]
) -> None:
    stream = GuardStream(guard, before, policy="mask")
    verdict = guard.check(text, before=before)

    assert run(stream, cut(text, sizes)) == guard.mask(text, verdict)
    assert stream.verdict == verdict


@pytest.mark.parametrize(
    "text", ["f" * 10_000, "f" + "u" * 10_000, "f" + "\u0301" * 10_000, "sh" + "\u200b\u0301" * 5_000]
)
def test_a_word_that_is_spun_out_is_looked_at_in_linear_time(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    looks: list[int] = []
    settle = Guard.settle

    def counted(self: Guard, text: str, left: Left, *, last: bool, memo: Memo | None = None) -> Settled:
        looks.append(len(text))
        return settle(self, text, left, last=last, memo=memo)

    monkeypatch.setattr(Guard, "settle", counted)

    def looked(size: int) -> int:
        looks.clear()
        run(GuardStream(guard), list(text[:size]))
        return sum(looks)

    assert looked(10_000) <= 12 * looked(1_000)
