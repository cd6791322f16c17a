"""The guard's time is linear in the text, whatever the text: steps are counted, not seconds."""

import re
import sys
from collections.abc import Callable
from re import _parser
from types import FrameType

import pytest
from hypothesis import given, settings, target
from hypothesis import strategies as st

from app.guard import Guard, GuardStream, Verdict, candidates, leetspeak
from app.guard.candidates import Memo
from app.guard.guard import Left, Settled
from app.guard.stream import CLOSE
from tests.app.guard.slow_texts import alphabet
from tests.slow.search import grown

SIZE = 512
MOST = 60
"""Steps for a character that no text needs; prose needs less than 3."""

patterns = st.lists(st.sampled_from(alphabet()), min_size=1, max_size=4).map("".join)


def steps(work: Callable[[], object]) -> int:
    """How many functions are called, those of C too: what time is made of, without its noise."""
    count = 0

    def seen(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def is_linear(check: Callable[[str], object], pattern: str) -> bool:
    """Whether four times the text needs at most about four times the steps, and few for each character."""
    check(pattern)
    few, many = (steps(lambda size=size: check(grown(pattern, size))) for size in (SIZE, 4 * SIZE))  # type: ignore[misc]
    return few <= MOST * SIZE and many <= 4.4 * few + 200


@settings(max_examples=60)
@given(patterns)
def test_a_check_is_linear_in_the_text(guard: Guard, pattern: str) -> None:
    target(steps(lambda: guard.check(grown(pattern, SIZE))) / SIZE)
    assert is_linear(guard.check, pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *("f ", "a\u0301", "a.", "a", "fυсκ аѕѕ ", "fuck ", "f u c k ", "sh it ", "a$", "moby dick ", "ass"),
        *(
            "s*",
            "u\u200b",
            "ass.",
            "ass_",
            "ass(",
            "a s s ",
            "Dick ",
            "$ass",
            "@Ass",
            "Di!ck",
            "$",
            "*",
            "-#",
        ),
    ],
)
def test_patterns_that_were_slow_once_are_checked_in_linear_time(guard: Guard, pattern: str) -> None:
    assert is_linear(guard.check, pattern)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(alphabet()), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_text_that_never_repeats_costs_little_more(guard: Guard, units: list[str], chance: object) -> None:
    text = grown("".join(units), SIZE)
    varied = "".join(
        letter.upper() if chance.random() < 0.3 else letter  # type: ignore[attr-defined]
        for letter in text
    )

    guard.check(varied)
    assert steps(lambda: guard.check(varied)) <= 4 * MOST * SIZE


@settings(max_examples=40)
@given(patterns, st.sampled_from([1, 4, 50]))
def test_a_stream_looks_at_its_text_a_bounded_number_of_times(guard: Guard, pattern: str, size: int) -> None:
    text, looked = grown(pattern, SIZE), 0
    settle = Guard.settle

    def counted(self: Guard, text: str, left: Left, *, last: bool, memo: Memo | None = None) -> Settled:
        nonlocal looked
        looked += len(text)
        return settle(self, text, left, last=last, memo=memo)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Guard, "settle", counted)
        stream = GuardStream(guard)
        for at in range(0, len(text), size):
            stream.push(text[at : at + size])
        stream.finish()

    assert looked <= (5 + CLOSE / size) * len(text)


@pytest.mark.parametrize("pattern", [leetspeak.LEET_SEEN, candidates.CENSOR_SEEN, candidates.SYMBOL])
def test_what_is_searched_for_in_a_whole_text_is_short(pattern: re.Pattern[str]) -> None:
    _, longest = _parser.parse(pattern.pattern).getwidth()

    assert longest <= 2


@pytest.mark.parametrize("unit", ["f ", "a.", "a"])
def test_a_hundred_thousand_times_the_same_is_checked(guard: Guard, unit: str) -> None:
    assert guard.check(unit * 100_000) == Verdict()
