from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import PrefixCache
from app.engine.runtimes.interface import Runner
from app.engine.runtimes.litert import open_litert
from app.engine.runtimes.weight_cache import PackedWeights, machine_key
from app.engine.worker.process import open_runner
from models.checkpoint.numpy_decoder import Reference
from tests.app.engine.whole import LENGTH, TEXT, Whole, prefill
from tests.tiny import TinyModel

pytestmark = pytest.mark.slow


@pytest.fixture(
    scope="module",
    params=[("llama", "none"), ("llama", "dynamic"), ("gpt2", "none"), ("gpt2", "dynamic")],
    ids=" ".join,
)
def whole(request: pytest.FixtureRequest, tiny: Callable[..., TinyModel]) -> Whole:
    return Whole(tiny(*request.param))


@pytest.fixture(scope="module")
def small(tiny: Callable[..., TinyModel]) -> TinyModel:
    return tiny("llama", "dynamic")


@settings(max_examples=30)
@given(st.lists(st.integers(1, LENGTH - 1), max_size=8, unique=True).map(sorted))
def test_a_prompt_in_any_chunks_gives_the_same_bits(whole: Whole, cuts: list[int]) -> None:
    chunks = np.diff([0, *cuts, LENGTH]).tolist()
    logits, entry = prefill(whole.runner, chunks)
    assert np.array_equal(logits, whole.logits)
    assert np.array_equal(entry.cached, whole.entry.cached)


def test_only_the_rows_that_are_wanted_are_computed_in_their_order(whole: Whole) -> None:
    entry, _ = PrefixCache(whole.runner.shape, budget=0).acquire(np.array(TEXT, np.int32))
    logits = whole.runner.prefill(entry, np.array(TEXT[:70], np.int32), [69, 3])
    assert np.array_equal(logits, whole.logits[[69, 3]])


@settings(max_examples=30)
@given(st.lists(st.integers(1, 120), min_size=1, max_size=4), st.integers(0, 2))
def test_decoding_in_any_batch_slot_and_length_gives_the_bits_of_the_prompt(
    whole: Whole, starts: list[int], spare: int
) -> None:
    """Logits, keys and values of every step: a text is the same alone, in company, or as a later prompt."""
    steps = 3
    length = min(-(-(max(starts) + steps) // 64) + spare, 4) * 64
    whole.fill(starts, length)
    for step in range(steps):
        positions = [start + step for start in starts]
        logits = whole.runner.decode(whole.cache, [TEXT[p] for p in positions], positions)
        assert np.array_equal(logits, whole.logits[positions])
    for slot, start in enumerate(starts):
        expected = whole.entry.cached[:, : start + steps]
        assert np.array_equal(whole.cache.rows(slot, 0, start + steps), expected)


@settings(max_examples=30)
@given(st.integers(1, 120), st.integers(1, 8), st.integers(0, 2))
def test_drafted_tokens_get_the_bits_of_the_prompt(whole: Whole, start: int, count: int, spare: int) -> None:
    length = min(-(-(start + count) // 64) + spare, 4) * 64
    whole.fill([start, 5], length)
    drafted = whole.runner.extend(whole.cache, TEXT[start : start + count], start)
    assert np.array_equal(drafted.logits, whole.logits[start : start + count])
    whole.cache.write(0, start, drafted.rows)
    assert np.array_equal(whole.cache.rows(0, 0, start + count), whole.entry.cached[:, : start + count])
    assert np.array_equal(whole.cache.rows(1, 0, 5), whole.entry.cached[:, :5])


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_logits_in_float32_are_those_of_the_reference(tiny: Callable[..., TinyModel], family: str) -> None:
    whole = Whole(tiny(family))
    expected = Reference(whole.model.checkpoint).extend(TEXT)
    assert np.abs(whole.logits - expected).max() < 1e-4


def test_threads_do_not_change_the_bits(small: TinyModel) -> None:
    found = [prefill(open_runner(small.config(threads=threads)), [LENGTH])[0] for threads in (1, 2)]
    assert np.array_equal(found[0], found[1])


def test_another_cache_is_read_where_it_lies(whole: Whole) -> None:
    for _ in range(3):
        whole.cache = DecodeCache(whole.runner.shape, slots=4)
        gc.collect()
        whole.fill([50], 64)
        logits = whole.runner.decode(whole.cache, [TEXT[50]], [50])
        assert np.array_equal(logits, whole.logits[[50]])


def open_in(folder: Path, model: TinyModel, digest: str = "") -> Runner:
    weights = PackedWeights(folder, model.path, digest or model.manifest.sha256)
    return open_litert(model.path, weights, model.shape, 1)


def packed_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_weights_are_packed_once_under_a_name_that_tells_what_they_depend_on(
    small: TinyModel, tmp_path: Path
) -> None:
    first = prefill(open_in(tmp_path, small), [LENGTH])[0]
    (name,) = packed_files(tmp_path)
    assert name.startswith(f"tiny.{small.manifest.sha256[:16]}.{machine_key()}.")
    before = (tmp_path / name).stat()
    content = (tmp_path / name).read_bytes()
    again = prefill(open_in(tmp_path, small), [LENGTH])[0]
    after = (tmp_path / name).stat()
    assert packed_files(tmp_path) == [name]
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert (tmp_path / name).read_bytes() == content
    assert np.array_equal(first, again)


def test_all_signatures_share_one_packed_copy_of_the_weights(small: TinyModel, tmp_path: Path) -> None:
    open_in(tmp_path, small)
    (file,) = tmp_path.iterdir()
    stored = small.checkpoint.parameters  # a byte each
    assert stored < file.stat().st_size < 1.3 * stored


def test_another_build_takes_the_place_of_the_last_ones_file(small: TinyModel, tmp_path: Path) -> None:
    open_in(tmp_path, small)
    open_in(tmp_path, small, digest="0" * 64)
    (name,) = packed_files(tmp_path)
    assert name.startswith(f"tiny.{'0' * 16}.{machine_key()}.")


def test_a_folder_that_cannot_be_written_costs_memory_and_nothing_else(
    small: TinyModel, tmp_path: Path
) -> None:
    expected = prefill(open_in(tmp_path, small), [LENGTH])[0]
    for folder in (tmp_path / "missing", Path("/proc/self")):  # root may write into any other folder
        assert np.array_equal(prefill(open_in(folder, small), [LENGTH])[0], expected)
    assert not (tmp_path / "missing").exists()


def test_a_packed_file_with_a_flipped_bit_is_made_again(small: TinyModel, tmp_path: Path) -> None:
    expected = prefill(open_in(tmp_path, small), [LENGTH])[0]
    (file,) = tmp_path.iterdir()
    sound = file.read_bytes()
    file.write_bytes(
        sound[: len(sound) // 2] + bytes([sound[len(sound) // 2] ^ 64]) + sound[len(sound) // 2 + 1 :]
    )
    assert np.array_equal(prefill(open_in(tmp_path, small), [LENGTH])[0], expected)
    assert file.read_bytes() == sound


def test_a_packed_file_that_was_cut_short_is_made_again(small: TinyModel, tmp_path: Path) -> None:
    expected = prefill(open_in(tmp_path, small), [LENGTH])[0]
    (file,) = tmp_path.iterdir()
    size = file.stat().st_size
    os.truncate(file, size // 2)
    assert np.array_equal(prefill(open_in(tmp_path, small), [LENGTH])[0], expected)
    assert file.stat().st_size == size


def test_what_is_no_model_is_refused(small: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "no.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(RuntimeError):
        open_in(tmp_path, replace(small, path=path))
    assert packed_files(tmp_path) == ["no.tflite"]
