"""The rooms of app/ stand on floors: what is above may import what is below, never the other way round."""

from __future__ import annotations

import re

import pytest

from tests.import_graph import ROOT, arrows, imports, room_of, source_files

FLOORS = (
    "app/cli.py",
    "app/__main__.py",
    "app/server",
    "app/main.py",
    "app/http/routes",
    "app/http",
    "app/http/schemas",
    "app/completion",
    "app/metrics.py app/logs.py",
    "app/engine/worker",
    "app/engine/batch app/engine/single",
    "app/engine/runtimes",
    "app/engine",
    "app/engine/kv",
    "app/model/foreign",
    "app/model",
    "app/settings.py",
    "app/guard/tools",
    "app/guard",
    "app/resources.py app/errors.py app/backoff.py app/installation.py",
)
"""Rooms from the top floor down; rooms on one floor do not import each other."""

NEVER = (
    (
        "app/(engine|model|guard)",
        "app/(http|completion|server|main|cli)",
        "the lower rooms know nothing above them",
    ),
    ("app/completion", "app/(http|server|main|cli)", "the completion service knows no HTTP"),
    ("app/cli", "app/http", "the command line imports no route"),
    ("app", "models", "the server never imports the builder"),
)


def test_every_room_has_a_floor() -> None:
    rooms = {
        room_of(file)
        for file in source_files()
        if file.startswith("app/") and not file.endswith("__init__.py")
    }
    assert rooms == set(" ".join(FLOORS).split())


def test_arrows_run_downwards() -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms.split()}
    up = [
        f"{room} imports {other}, which is not below it"
        for room, found in arrows(imports()).items()
        for other in found
        if room in floor and other in floor and floor[room] >= floor[other]
    ]
    assert up == []


@pytest.mark.parametrize(("low", "high", "reason"), NEVER, ids=[reason for *_, reason in NEVER])
def test_what_is_never_imported(low: str, high: str, reason: str) -> None:
    wrong = [
        f"{file} imports {other}: {reason}"
        for file, found in imports().items()
        for other in found
        if re.match(rf"{low}(/|\.py)", file) and re.match(rf"{high}(/|\.py)", other)
    ]
    assert wrong == []


def test_no_web_framework_below_http() -> None:
    pattern = re.compile(r"^\s*(from|import) (fastapi|starlette|uvicorn)\b", re.MULTILINE)
    below = [file for file in source_files() if re.match(r"app/(completion|engine|guard|model)/", file)]
    assert [file for file in below if pattern.search((ROOT / file).read_text())] == []
