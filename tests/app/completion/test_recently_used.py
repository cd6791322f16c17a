from __future__ import annotations

from app.completion.recently_used import RecentlyUsed


def test_the_least_recently_used_leaves_first() -> None:
    known = RecentlyUsed[str, int](2)
    known.keep("one", 1)
    known.keep("two", 2)
    assert known.get("one") == 1
    known.keep("three", 3)
    assert [known.get(key) for key in ("one", "two", "three")] == [1, None, 3]


def test_a_value_that_is_kept_anew_takes_no_second_place() -> None:
    known = RecentlyUsed[str, int](2)
    known.keep("one", 1)
    known.keep("two", 2)
    known.keep("one", 3)
    known.keep("three", 4)
    assert [known.get(key) for key in ("one", "two", "three")] == [3, None, 4]


def test_asking_whether_a_value_is_kept_is_not_a_use() -> None:
    known = RecentlyUsed[str, int](2)
    known.keep("one", 1)
    known.keep("two", 2)
    assert "one" in known
    known.keep("three", 3)
    assert "one" not in known
