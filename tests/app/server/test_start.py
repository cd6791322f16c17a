from __future__ import annotations

import gc
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.server import start as program
from app.server.start import open_doors
from app.settings import Settings


def test_what_the_application_is_made_of_is_left_out_of_garbage_collection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    before = gc.get_threshold()

    def compose(_: object) -> FastAPI:
        seen.append(gc.isenabled())
        return FastAPI()

    def serve(*_: object) -> int:
        seen.append(gc.isenabled())
        seen.append(gc.get_freeze_count() > 0)
        return 0

    monkeypatch.setattr(program, "bind_sockets", lambda *_: [])
    monkeypatch.setattr(program, "create_app", compose)
    monkeypatch.setattr(program, "serve", serve)
    try:
        assert program.start([]) == 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
    assert seen == [False, True, True]


def test_listening_beyond_loopback_without_keys_is_warned_of(tmp_path: Path) -> None:
    (warning,) = open_doors(Settings(host="0.0.0.0"))
    assert warning == (
        "LISTENING ON 0.0.0.0 WITHOUT API KEYS: whoever reaches this machine may ask; "
        "set AUTOCOMPLETE_API_KEYS or AUTOCOMPLETE_API_KEYS_FILE"
    )
    assert open_doors(Settings(host="0.0.0.0", api_keys=(SecretStr("one"),))) == []
    assert open_doors(Settings(host="::", api_keys_file=tmp_path / "keys")) == []
    assert open_doors(Settings(host="localhost")) == []


def test_misspelt_settings_and_an_open_door_are_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUTOCOMPLETE_API_KEY", "secret")
    monkeypatch.setenv("AUTOCOMPLETE_HOST", "0.0.0.0")
    monkeypatch.setenv("AUTOCOMPLETE_WORKERS", "2")
    monkeypatch.setenv("AUTOCOMPLETE_LOG_FORMAT", "human")
    monkeypatch.setattr(program, "bind_sockets", lambda *_: [])
    monkeypatch.setattr(program, "serve_workers", lambda *_: 0)
    assert program.start([]) == 0
    log = capsys.readouterr().err
    assert "AUTOCOMPLETE_API_KEY is no setting; is it AUTOCOMPLETE_API_KEYS?" in log
    assert "LISTENING ON 0.0.0.0 WITHOUT API KEYS" in log
    assert "secret" not in log
