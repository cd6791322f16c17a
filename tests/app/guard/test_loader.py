import logging
import os
from pathlib import Path

import pytest

from app.guard import GuardFiles, MalformedListError, Thresholds, load_guard


def test_a_denied_word_is_found_however_it_is_written(tmp_path: Path) -> None:
    deny = tmp_path / "deny.tsv"
    deny.write_text("frell\tprofanity\t2\tsv2\ngrife bag\n", "utf-8")
    guard = load_guard(allow_file=None, deny_file=deny, thresholds=Thresholds())

    for text in ("frell", "FRELLING", "fr3ll", "f.r.e.l.l", "fr*ll", "grife-bag"):
        assert guard.check(text).flagged, text
    assert not guard.check("farewell").flagged


def test_an_allowed_word_passes_and_its_compounds_do_not(tmp_path: Path) -> None:
    allow = tmp_path / "allow.txt"
    allow.write_text("dick\nMy Ass\n", "utf-8")
    guard = load_guard(allow_file=allow, deny_file=None, thresholds=Thresholds())

    assert not guard.check("you dick").flagged
    assert not guard.check("d1ck").flagged
    assert not guard.check("kiss my ass").flagged
    assert guard.check("dickhead").flagged
    assert guard.check("your ass").flagged


def test_what_is_denied_and_allowed_passes(tmp_path: Path) -> None:
    word = tmp_path / "word.txt"
    word.write_text("frell\n", "utf-8")

    assert not load_guard(allow_file=word, deny_file=word, thresholds=Thresholds()).check("frell").flagged


def test_the_version_changes_with_the_lists(tmp_path: Path) -> None:
    deny = tmp_path / "deny.txt"
    versions = set()
    for text in ("", "frell\n", "frack\n"):
        deny.write_text(text, "utf-8")
        versions.add(load_guard(allow_file=None, deny_file=deny, thresholds=Thresholds()).version)

    assert len(versions) == 3


def test_a_changed_list_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    deny = tmp_path / "deny.txt"
    deny.write_text("frell\n", "utf-8")
    files = GuardFiles(None, deny, Thresholds())
    first = files.current()

    assert files.current() is first
    deny.write_text("frell\nfrack\n", "utf-8")
    assert files.current().check("frack").flagged
    assert files.error is None


def test_a_malformed_list_is_reported_once_and_the_last_good_guard_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deny = tmp_path / "deny.tsv"
    deny.write_text("frell\n", "utf-8")
    files = GuardFiles(None, deny, Thresholds())
    good = files.current()
    deny.write_text("frell\trude\n", "utf-8")

    with caplog.at_level(logging.ERROR):
        assert files.current() is good
        assert files.current() is good
    assert files.error is not None
    assert ":1: category is not one of" in files.error
    assert len(caplog.records) == 1
    assert "frell" not in caplog.text

    deny.write_text("frack\n", "utf-8")
    os.utime(deny, ns=(1, 1))
    assert files.current().check("frack").flagged
    assert files.error is None


def test_a_list_that_goes_away_leaves_the_last_good_guard(tmp_path: Path) -> None:
    allow = tmp_path / "allow.txt"
    allow.write_text("dick\n", "utf-8")
    files = GuardFiles(allow, None, Thresholds())
    good = files.current()
    allow.unlink()

    assert files.current() is good
    assert files.error is not None


def test_without_a_good_list_there_is_no_guard(tmp_path: Path) -> None:
    files = GuardFiles(tmp_path / "none.txt", None, Thresholds())

    with pytest.raises(MalformedListError, match=r"none\.txt"):
        files.current()
