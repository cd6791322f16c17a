"""Every Prometheus series of the service; names follow vLLM's and TGI's conventions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.engine.messages import Stats
from app.model.manifest import Manifest
from app.resources import resident_bytes

NAMESPACE = "autocomplete"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
TOKENS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
ROWS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The series of one application, in a registry of their own.

    With PROMETHEUS_MULTIPROC_DIR set, values live in files of that folder and `render` adds up all workers'.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._last_stats = Stats()
        self._last_restarts = 0

        self._requests = self._counter("requests", "HTTP requests", "route", "status")
        self._request_seconds = self._histogram(
            "request_duration_seconds",
            "First byte of a request to the last of its answer",
            SECONDS,
            "route",
        )
        self.running = self._gauge("num_requests_running", "Requests that wait for a completion or read one")
        self.admitted = self._gauge("num_sequences_admitted", "Sequences with a permit: running and waiting")

        self.slots = self._gauge("slots", "Sequences that can be decoded at the same time")
        self.slots_busy = self._gauge("slots_busy", "Slots that decode a sequence")
        self.waiting = self._gauge("num_requests_waiting", "Sequences that wait for a slot")

        self.queue_seconds = self._histogram("request_queue_time_seconds", "Wait for a slot", SECONDS)
        self.first_token_seconds = self._histogram(
            "time_to_first_token_seconds", "Admission to first token", SECONDS
        )
        self.inter_token_seconds = self._histogram(
            "inter_token_latency_seconds", "Between two tokens", SECONDS
        )
        self.prefill_seconds = self._histogram("request_prefill_time_seconds", "Prompt computation", SECONDS)
        self.decode_seconds = self._histogram("request_decode_time_seconds", "Computation by token", SECONDS)
        self.prompt_length = self._histogram("request_prompt_tokens", "Of a request", TOKENS)
        self.completion_length = self._histogram("request_generation_tokens", "Of a completion", TOKENS)
        self.batch_size = self._histogram(
            "batch_size", "Mean rows of a decode step between two reports", ROWS
        )

        self.prompt_tokens = self._counter("prompt_tokens", "Prompt tokens seen by the model")
        self.generation_tokens = self._counter("generation_tokens", "Tokens generated, withheld too")
        self.decode_tokens = self._counter(
            "decode_tokens", "Tokens that steps computed, also those nobody got"
        )
        self.cached_tokens = self._counter("prefix_cache_hit_tokens", "Prompt tokens from the prefix cache")
        self.prefix_bytes = self._gauge("prefix_cache_bytes", "Bytes held by the prefix cache")
        self.drafted_tokens = self._counter("spec_decode_draft_tokens", "Tokens guessed ahead")
        self.accepted_tokens = self._counter("spec_decode_accepted_tokens", "Guessed tokens that were right")
        self.known_tokens = self._counter("known_tokens", "New tokens answered without any computation")
        self.searches = self._counter("word_searches", "Requests whose first word was searched by a beam")

        self.masks = self._counter("grammar_masks", "Looks at which tokens a grammar permits next")
        self.mask_seconds = self._counter("grammar_mask_seconds", "Seconds of them, in the engine's loop")

        self.constrained = self._counter("constrained", "Prompts whose text must match a grammar", "kind")
        self.healed = self._counter("healed", "Choices written over what was being typed")
        self.finished = self._counter("finished", "Choices by the reason they ended", "reason")
        self.truncated = self._counter("truncated", "Prompts cut to their window")
        self.rejected = self._counter("rejected", "Requests refused", "reason")
        self.cancelled = self._counter("cancelled", "Requests whose client left")
        self.guard_hits = self._counter("guard_hits", "Texts the guard found something in", "stage", "action")
        self.guard_retries = self._counter("guard_retries", "Fresh samples after a rejected one")
        self.restarts = self._counter(
            "engine_restarts", "Engine processes started, or tried to be, after one had died"
        )
        self.ready = self._gauge("ready", "1 when a real completion has run and the engine lives")
        about = "Resident memory of a process: private to it, or mapped from files"
        self.memory = self._gauge("memory_bytes", about, "process", "kind")
        named = ("id", "sha256", "quantization", "runtime", "runtime_version")
        self.model_info = self._gauge("model_info", "The model that is served", *named, mode="max")
        about = "1 for the rules, lists and thresholds that the guard goes by"
        self.guard_info = self._gauge("guard_info", about, "version", mode="livemax")
        self._guard_version: str | None = None

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, status).inc()
        self._request_seconds.labels(route).observe(seconds)

    def observe_guard(self, version: str) -> None:
        """Say which guard reads the texts now."""
        if version != self._guard_version:
            if self._guard_version is not None:
                self.guard_info.labels(self._guard_version).set(0)
            self._guard_version = version
            self.guard_info.labels(version).set(1)

    def observe_memory(self, processes: Mapping[str, int | None]) -> None:
        """Say what processes, by name and id, hold in memory."""
        for process, pid in processes.items():
            for kind, size in (resident_bytes(pid) if pid else {}).items():
                self.memory.labels(process, kind).set(size)

    def observe_model(self, manifest: Manifest, runtime: tuple[str, str], slots: int) -> None:
        """Say which model is served, once it is ready."""
        self.slots.set(slots)
        self.model_info.labels(manifest.id, manifest.sha256, manifest.quantization, *runtime).set(1)

    def observe_engine(self, stats: Stats) -> None:
        """Add what the engine has done since the last look; an engine that started anew counts from zero."""
        last = self._last_stats if stats.decode_steps >= self._last_stats.decode_steps else Stats()
        self._last_stats = stats
        self.slots_busy.set(stats.slots_busy)
        self.waiting.set(stats.waiting)
        self.prefix_bytes.set(stats.prefix_bytes)
        self.decode_tokens.inc(max(0, stats.decode_rows - last.decode_rows))
        self.cached_tokens.inc(max(0, stats.cached_tokens - last.cached_tokens))
        self.drafted_tokens.inc(max(0, stats.drafted_tokens - last.drafted_tokens))
        self.accepted_tokens.inc(max(0, stats.accepted_tokens - last.accepted_tokens))
        self.known_tokens.inc(max(0, stats.known_tokens - last.known_tokens))
        self.searches.inc(max(0, stats.searches - last.searches))
        self.masks.inc(max(0, stats.masks - last.masks))
        self.mask_seconds.inc(max(0.0, stats.mask_seconds - last.mask_seconds))
        if steps := stats.decode_steps - last.decode_steps:
            self.batch_size.observe((stats.decode_rows - last.decode_rows) / steps)

    def observe_restarts(self, restarts: int) -> None:
        """Add the restarts of the engine since the last look."""
        self.restarts.inc(restarts - self._last_restarts)
        self._last_restarts = restarts

    def render(self) -> bytes:
        """All series in Prometheus' text format, over all worker processes where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, namespace=NAMESPACE, registry=self._registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, about, labels, namespace=NAMESPACE, registry=self._registry, buckets=buckets)

    def _gauge(
        self, name: str, about: str, *labels: str, mode: Literal["livesum", "livemax", "max"] = "livesum"
    ) -> Gauge:
        return Gauge(
            name, about, labels, namespace=NAMESPACE, registry=self._registry, multiprocess_mode=mode
        )
