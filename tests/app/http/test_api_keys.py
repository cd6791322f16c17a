"""Which Authorization headers carry an accepted key."""

from __future__ import annotations

import base64
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


def test_keys_are_held_as_digests_that_nobody_outside_can_compute() -> None:
    one, other = ApiKeys(["key"], None), ApiKeys(["key"], None)
    assert one._fixed.isdisjoint(other._fixed)
    assert one.accept(b"Bearer key")
    assert other.accept(b"Bearer key")


def test_a_file_of_very_many_keys_is_one_look_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text("".join(f"key{number}\n" for number in range(100_000)))
    keys = ApiKeys([], file)
    assert keys.accept(b"Bearer key99999")
    digested: list[bytes] = []
    digest = keys._digest

    def noted(key: bytes) -> bytes:
        digested.append(key)
        return digest(key)

    monkeypatch.setattr(keys, "_digest", noted)
    assert [keys.accept(b"Bearer key5"), keys.accept(b"Bearer none")] == [True, False]
    assert digested == [b"key5", b"none"]


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


def test_comments_and_a_byte_order_mark_are_no_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "keys"
    file.write_bytes(b"\xef\xbb\xbffirst\n# of the editor\n  # secret\nwith#inside\n")
    keys = ApiKeys([], file)
    for key in (b"first", b"with#inside"):
        assert keys.accept(b"Bearer " + key)
    for line in (b"# of the editor", b"# secret", b"\xef\xbb\xbffirst"):
        assert not keys.accept(b"Bearer " + line)
    assert caplog.messages == [f"read 2 API keys from {file}"]


def test_a_file_without_a_key_accepts_nobody_and_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text("# none yet\n\n")
    keys = ApiKeys([], file)
    assert keys.required
    assert not keys.accept(b"Bearer ")
    assert caplog.messages == [f"read 0 API keys from {file}"]


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
    caplog.set_level("WARNING")
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
