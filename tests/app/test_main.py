from __future__ import annotations

import gc

import pytest
from fastapi import FastAPI

from app import __main__ as program


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

    monkeypatch.setattr(program, "create_app", compose)
    monkeypatch.setattr(program, "serve", serve)
    try:
        assert program.main([]) == 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
    assert seen == [False, True, True]
