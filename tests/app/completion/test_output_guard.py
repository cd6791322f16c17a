"""What may be shown of a text that is not streamed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.completion.output_guard import STRIDE, BegunGuard, DeferredGuard, OutputGuard
from app.guard.guard import Guard
from app.guard.stream import GuardStream, OutputPolicy

WORDS = st.lists(
    st.sampled_from(["fine", "fuck", "as", "s", "ess", "the", " ", "shi", "t", "ake"]), max_size=8
)


def shown(screen: OutputGuard, pieces: list[str]) -> tuple[str, bool, bool]:
    text = "".join(screen.push(piece) for piece in pieces) + screen.finish()
    return text, screen.tripped, screen.stopped


def test_a_text_is_shown_at_its_end(guard: Guard) -> None:
    screen = DeferredGuard(guard, "", "reject")
    assert [screen.push("fine "), screen.push("text")] == ["", ""]
    assert screen.finish() == "fine text"


def test_a_rejected_text_is_not_shown_and_a_masked_one_is(guard: Guard) -> None:
    assert shown(DeferredGuard(guard, "", "reject"), ["you fu", "ck off"]) == ("", True, True)
    assert shown(DeferredGuard(guard, "", "mask"), ["you fu", "ck off"]) == ("you ████ off", True, False)


def test_the_text_before_belongs_to_the_word(guard: Guard) -> None:
    assert shown(DeferredGuard(guard, "what the fu", "reject"), ["ck off"])[2]


def test_a_long_text_stops_at_a_word_that_nothing_can_excuse(guard: Guard) -> None:
    screen = DeferredGuard(guard, "", "reject")
    screen.push("you fuck off " + "and so on " * (STRIDE // 10))
    assert screen.stopped
    assert screen.finish() == ""


def test_a_long_text_goes_on_where_a_word_may_still_be_excused(guard: Guard) -> None:
    screen = DeferredGuard(guard, "", "reject")
    screen.push("and so on " * (STRIDE // 10 + 1) + "shit")
    assert not screen.stopped
    screen.push("ake mushrooms")
    assert screen.finish().endswith("shitake mushrooms")


@pytest.mark.parametrize("policy", ["mask", "reject"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=WORDS)
def test_it_finds_what_a_stream_finds(guard: Guard, policy: OutputPolicy, pieces: list[str]) -> None:
    late = shown(DeferredGuard(guard, "", policy), pieces)
    text, tripped, stopped = shown(GuardStream(guard, policy=policy), pieces)
    assert late == ("" if stopped else text, tripped, stopped)


@pytest.mark.parametrize("kind", [DeferredGuard, GuardStream])
def test_a_begun_word_is_judged_with_what_is_written_behind_it_and_not_shown(
    guard: Guard, kind: Callable[[Guard, str, OutputPolicy], OutputGuard]
) -> None:
    def begun(policy: OutputPolicy = "reject") -> BegunGuard:
        return BegunGuard(kind(guard, "finish the ", policy), "ass")

    assert shown(begun(), ["ign", "ment now"]) == ("ignment now", False, False)
    assert shown(begun(), [" you", " are"]) == ("", True, True)
    assert shown(begun("mask"), [" you", " are"]) == (" you are", True, False)
    assert shown(begun(), []) == ("", False, False)
