from __future__ import annotations

import pytest

from app.completion.line_limits import LineLimits, LineScanner


def passed(pieces: list[str], limits: LineLimits, times: list[float] | None = None) -> tuple[str, bool]:
    """What a scanner passes on of pieces, and whether it has ended the text."""
    clock = iter(times or [])
    scanner = LineScanner(limits, lambda: next(clock))
    if times is None:
        scanner = LineScanner(limits)
    text = "".join(scanner.push(piece) for piece in pieces)
    return text + scanner.finish(), scanner.found


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        (["return x\n    y = 1\n  z"], ("return x\n    y = 1", True)),
        (["return x", "\n", "  ", "  y", "\n", " ", " z"], ("return x\n    y", True)),
        (["x\n\n    y"], ("x", True)),
        (["x\n\t\t\t\ty"], ("x\n\t\t\t\ty", False)),
        (["x\n      y", "\n    z\n"], ("x\n      y\n    z\n", False)),
        (["x\n  "], ("x\n  ", False)),
    ],
)
def test_a_text_ends_before_a_line_that_is_less_indented(
    pieces: list[str], expected: tuple[str, bool]
) -> None:
    assert passed(pieces, LineLimits(indent=4)) == expected


def test_what_may_be_a_line_that_is_less_indented_is_held_back() -> None:
    scanner = LineScanner(LineLimits(indent=2))
    assert [scanner.push(piece) for piece in ("a\n", " ", " ", "b")] == ["a", "", "\n  ", "b"]


def test_a_text_ends_at_the_first_line_break_after_a_time() -> None:
    limits = LineLimits(seconds=1.0)
    assert passed(["a\nb", "c\nd"], limits, [0.0, 0.5, 2.0]) == ("a\nbc", True)
    assert passed(["a\nb", "c\nd"], limits, [0.0, 0.5, 0.75]) == ("a\nbc\nd", False)


def test_nothing_comes_after_the_end() -> None:
    scanner = LineScanner(LineLimits(indent=1))
    assert (scanner.push("a\nb"), scanner.push("c"), scanner.finish()) == ("a", "", "")


def test_without_limits_everything_passes() -> None:
    assert not LineLimits()
    assert passed(["a\n", "b\n"], LineLimits()) == ("a\nb\n", False)
