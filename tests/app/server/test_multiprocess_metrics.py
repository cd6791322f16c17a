from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from app.server.multiprocess_metrics import FILE_BYTES, FILES, FOLDER, end_metrics, metrics_folder

ROOT = Path(__file__).parents[3]

COUNT = """
    import sys
    from app.server.multiprocess_metrics import share_metrics
    share_metrics(int(sys.argv[1]))
    from app.metrics import Metrics
    metrics = Metrics()
    metrics.observe_request("/complete", 200, 0.01)
    metrics.ready.set(1)
    print(metrics.render().decode())
"""


def count(worker: int, folder: Path | None) -> str:
    """What a worker shows after one request."""
    environment = {name: value for name, value in os.environ.items() if name != FOLDER}
    if folder is not None:
        environment[FOLDER] = str(folder)
    done = subprocess.run(
        [sys.executable, "-c", dedent(COUNT), str(worker)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return done.stdout


REQUESTS = 'autocomplete_requests_total{route="/complete",status="200"}'


def test_workers_add_up_and_a_successor_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    assert f"{REQUESTS} 1.0" in count(0, tmp_path)
    second = count(1, tmp_path)
    assert f"{REQUESTS} 2.0" in second
    assert "autocomplete_ready 2.0" in second
    end_metrics(tmp_path, 0)
    third = count(0, tmp_path)
    assert f"{REQUESTS} 3.0" in third
    assert "autocomplete_ready 2.0" in third


def test_every_file_has_all_its_blocks_before_it_is_mapped(tmp_path: Path) -> None:
    count(3, tmp_path)
    files = {path.name: path.stat() for path in tmp_path.iterdir()}
    assert files.keys() == {f"{kind}_3.db" for kind in FILES}
    assert {status.st_size for status in files.values()} == {FILE_BYTES}
    assert all(status.st_blocks * 512 >= FILE_BYTES for status in files.values())


def test_a_worker_for_whose_files_there_is_no_room_shows_its_own_series(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / f"{FILES[1]}_0.db").mkdir()  # stands for a full disk: it cannot be opened for writing
    shown = count(0, taken)
    assert f"{REQUESTS} 1.0" in shown
    assert [path.name for path in taken.iterdir() if path.is_file()] == [f"{FILES[0]}_0.db"]


def test_one_process_needs_no_folder() -> None:
    assert f"{REQUESTS} 1.0" in count(0, None)


def test_a_folder_of_its_own_inside_the_named_one_goes_with_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with metrics_folder() as folder:
        assert folder is not None
        assert folder.parent == tmp_path
        assert os.environ[FOLDER] == str(folder)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_each_worker_shows_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "missing"))
    with metrics_folder() as folder:
        assert folder is None
        assert FOLDER not in os.environ
    assert caplog.messages == [
        f"no folder for the workers' metrics: {os.strerror(errno.ENOENT)}; each shows its own"
    ]
