from __future__ import annotations

import pytest

from app.completion.job import Policy, stricter


@pytest.mark.parametrize(
    ("floor", "asked", "result"),
    [
        ("off", None, "off"),
        ("off", "mask", "mask"),
        ("off", "reject", "reject"),
        ("mask", None, "mask"),
        ("mask", "off", "mask"),
        ("mask", "reject", "reject"),
        ("reject", None, "reject"),
        ("reject", "mask", "reject"),
    ],
)
def test_of_the_servers_policy_and_the_requests_the_stricter_one_counts(
    floor: Policy, asked: Policy | None, result: Policy
) -> None:
    assert stricter(floor, asked) == result
