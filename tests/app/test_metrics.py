"""Every series of the service, as Prometheus reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app import metrics as module
from app.engine.messages import Stats
from app.metrics import Metrics
from tests.fakes import tiny_manifest


def rendered(metrics: Metrics) -> list[str]:
    return metrics.render().decode().splitlines()


def test_an_answered_request_is_counted_by_route_and_status() -> None:
    metrics = Metrics()
    metrics.observe_request("/complete", 200, 0.02)
    metrics.observe_request("/complete", 200, 0.3)
    metrics.observe_request("unmatched", 404, 0.001)
    for line in (
        'autocomplete_requests_total{route="/complete",status="200"} 2.0',
        'autocomplete_requests_total{route="unmatched",status="404"} 1.0',
        'autocomplete_request_duration_seconds_bucket{le="0.025",route="/complete"} 1.0',
        'autocomplete_request_duration_seconds_sum{route="/complete"} 0.32',
    ):
        assert line in rendered(metrics)


def test_what_the_engine_has_done_is_added_and_its_levels_are_set() -> None:
    metrics = Metrics()
    stats = Stats(
        slots_busy=2,
        waiting=1,
        decode_steps=10,
        decode_rows=15,
        cached_tokens=4,
        prefix_bytes=100,
        drafted_tokens=6,
        accepted_tokens=3,
        masks=7,
        mask_seconds=0.25,
    )
    metrics.observe_engine(stats)
    metrics.observe_engine(replace(stats, slots_busy=1, decode_steps=12, decode_rows=21, prefix_bytes=50))
    for line in (
        "autocomplete_slots_busy 1.0",
        "autocomplete_num_requests_waiting 1.0",
        "autocomplete_prefix_cache_bytes 50.0",
        "autocomplete_decode_tokens_total 21.0",
        "autocomplete_prefix_cache_hit_tokens_total 4.0",
        "autocomplete_spec_decode_draft_tokens_total 6.0",
        "autocomplete_spec_decode_accepted_tokens_total 3.0",
        "autocomplete_grammar_masks_total 7.0",
        "autocomplete_grammar_mask_seconds_total 0.25",
        "autocomplete_batch_size_count 2.0",
        "autocomplete_batch_size_sum 4.5",
    ):
        assert line in rendered(metrics)


def test_an_engine_without_a_step_since_has_no_batch_size() -> None:
    metrics = Metrics()
    metrics.observe_engine(Stats(slots_busy=1))
    metrics.observe_engine(Stats(slots_busy=0))
    assert "autocomplete_batch_size_count 0.0" in rendered(metrics)


def test_an_engine_that_started_anew_counts_from_zero() -> None:
    metrics = Metrics()
    metrics.observe_engine(Stats(decode_steps=10, decode_rows=15, cached_tokens=4))
    metrics.observe_engine(Stats(decode_steps=2, decode_rows=3, cached_tokens=1))
    assert "autocomplete_decode_tokens_total 18.0" in rendered(metrics)
    assert "autocomplete_prefix_cache_hit_tokens_total 5.0" in rendered(metrics)


def test_the_model_is_named_with_its_runtime() -> None:
    metrics = Metrics()
    metrics.observe_model(tiny_manifest(), ("fake", "1.0"), slots=3)
    assert "autocomplete_slots 3.0" in rendered(metrics)
    labels = f'id="tiny",quantization="none",runtime="fake",runtime_version="1.0",sha256="{"ab" * 32}"'
    assert f"autocomplete_model_info{{{labels}}} 1.0" in rendered(metrics)


def test_the_guard_of_now_is_named() -> None:
    metrics = Metrics()
    for version in ("one", "one", "two"):
        metrics.observe_guard(version)
    assert 'autocomplete_guard_info{version="one"} 0.0' in rendered(metrics)
    assert 'autocomplete_guard_info{version="two"} 1.0' in rendered(metrics)


def test_memory_is_told_of_every_process_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resident_bytes", lambda pid: {"private": pid, "mapped": 2 * pid})
    metrics = Metrics()
    metrics.observe_memory({"http": 7, "engine": None})
    memory = [line for line in rendered(metrics) if line.startswith("autocomplete_memory_bytes{")]
    assert sorted(memory) == [
        'autocomplete_memory_bytes{kind="mapped",process="http"} 14.0',
        'autocomplete_memory_bytes{kind="private",process="http"} 7.0',
    ]


WORKER = """
from app.metrics import Metrics
metrics = Metrics()
metrics.observe_request("/livez", 200, 0.001)
print(metrics.render().decode())
"""


def test_several_worker_processes_are_added_up(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", WORKER],
            env=environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    for count, output in enumerate(outputs, 1):
        line = f'autocomplete_requests_total{{route="/livez",status="200"}} {count}.0'
        assert line in output.splitlines()
