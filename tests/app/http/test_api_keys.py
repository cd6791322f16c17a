"""Which Authorization headers carry an accepted key."""

from __future__ import annotations

import base64
import hmac
import logging
from pathlib import Path

import pytest

from app.http.api_keys import ApiKeys


def basic(credentials: bytes) -> bytes:
    return b"Basic " + base64.b64encode(credentials)


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer one",
        b"bearer two",
        b"BEARER  one ",
        basic(b"me:one"),
        basic(b":two"),
        b"basic " + base64.b64encode(b"me:one"),
    ],
)
def test_a_key_is_accepted_as_bearer_or_as_a_browsers_password(header: bytes) -> None:
    assert ApiKeys(["one", "two"], None).accept(header)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer One",
        b"Bearer one two",
        b"one",
        b"Digest one",
        b"Basic !!!",
        b"Basic " + base64.b64encode(b"one"),
        basic(b"one:me"),
        b"Bearer \xff",
    ],
)
def test_every_other_header_is_not(header: bytes) -> None:
    assert not ApiKeys(["one", "two"], None).accept(header)


def test_a_key_is_compared_with_all_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def compare(presented: bytes, key: bytes) -> bool:
        compared.append(len(key))
        return presented == key

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert ApiKeys(["one", "a much longer key", "three"], None).accept(b"Bearer one")
    assert compared == [32] * 3


def test_keys_are_required_where_they_are_configured(tmp_path: Path) -> None:
    assert not ApiKeys([], None).required
    assert ApiKeys(["one"], None).required
    assert ApiKeys([], tmp_path / "keys").required


def test_a_key_file_holds_a_key_a_line_beside_the_fixed_ones(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"one\r\n\n  two  \n\xc3\xa4\n")
    keys = ApiKeys(["fixed"], file)
    for key in (b"fixed", b"one", b"two", "ä".encode()):
        assert keys.accept(b"Bearer " + key)
    assert not keys.accept(b"Bearer ")


def test_a_key_file_is_read_again_only_when_it_has_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "keys"
    file.write_text("one\n")
    keys = ApiKeys([], file)
    assert [keys.accept(b"Bearer one"), keys.accept(b"Bearer one")] == [True, True]
    file.write_text("two\nthree\n")
    assert [keys.accept(b"Bearer one"), keys.accept(b"Bearer two")] == [False, True]
    assert caplog.messages == [f"read 1 API keys from {file}", f"read 2 API keys from {file}"]


def test_the_last_keys_stand_while_the_file_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text("one\n")
    keys = ApiKeys([], file)
    assert keys.accept(b"Bearer one")
    file.unlink()
    assert [keys.accept(b"Bearer one"), keys.accept(b"Bearer one")] == [True, True]
    assert caplog.messages == [f"API key file {file}: No such file or directory; the last keys stand"]
    file.write_text("two\n")
    assert [keys.accept(b"Bearer one"), keys.accept(b"Bearer two")] == [False, True]


def test_a_file_that_never_could_be_read_accepts_nobody(tmp_path: Path) -> None:
    keys = ApiKeys([], tmp_path / "missing")
    assert not keys.accept(b"Bearer ")
    assert not keys.accept(b"")
