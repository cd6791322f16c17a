"""What the tests share: the built model's vocabulary and shared objects, and tiny models beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import settings

from models.checkpoint.vocabulary import Vocabulary
from models.options import Quantization, Target
from tests.tiny import Family, TinyModel, build_tiny, tiny_checkpoint

Runtime = Literal["litert", "tflite-runtime"]

ARTIFACTS = Path(__file__).parents[1] / "models" / "artifacts"
"""What `make test` builds first."""

settings.register_profile("unhurried", deadline=None)  # other work on the machine is no failure
settings.load_profile("unhurried")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """From Python 3.12 on there is no tflite-runtime: the tests that run it are left out there."""
    if find_spec("tflite_runtime") is None:
        left_out = [item for item in items if _runs_tflite_runtime(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _runs_tflite_runtime(item: pytest.Item) -> bool:
    parameters = (
        item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    )
    chosen = {parameters.get("runtime"), parameters.get("target")}
    return "tflite-runtime" in chosen or item.get_closest_marker("tflite_runtime") is not None


@pytest.fixture(params=["litert", "tflite-runtime"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    runtime: Runtime = request.param
    return runtime


@pytest.fixture(scope="session")
def text_ops() -> Path:
    return ARTIFACTS / "text_ops"


@pytest.fixture(scope="session")
def smollm2_vocabulary(pytestconfig: pytest.Config) -> Vocabulary:
    """Read from the file once and then from pytest's cache, which takes a tenth of the time."""
    path = next((ARTIFACTS / "downloads").glob("*Q4_1.gguf"))
    key = f"vocabulary/{path.stat().st_size}-{path.stat().st_mtime_ns}"
    fields = pytestconfig.cache.get(key, None) if pytestconfig.cache else None
    if fields is None:
        fields = read_fields(path, ("tokens", "merges", "token_type"))
        if pytestconfig.cache:
            pytestconfig.cache.set(key, fields)
    tokens, merges, kinds = fields
    specials = {i for i, kind in enumerate(kinds) if kind == 3}
    return Vocabulary.from_letters(tokens, [merge.split(" ") for merge in merges], specials, digits=True)


def read_fields(path: Path, names: Sequence[str]) -> list[Any]:
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    return [fields[f"tokenizer.ggml.{name}"].contents() for name in names]


@pytest.fixture(scope="session")
def tiny(
    smollm2_vocabulary: Vocabulary, text_ops: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., TinyModel]:
    """Builds a tiny model the first time that it is asked for."""

    @cache
    def build(
        family: Family = "llama", quantize: Quantization = "none", target: Target = "litert"
    ) -> TinyModel:
        folder = tmp_path_factory.mktemp(f"{family}-{quantize}-{target}-")
        checkpoint = tiny_checkpoint(family, smollm2_vocabulary)
        return build_tiny(folder, checkpoint, text_ops, quantize=quantize, target=target)

    return build


@pytest.fixture(scope="session")
def tiny_model(tiny: Callable[..., TinyModel]) -> TinyModel:
    """The llama family in float32, for LiteRT."""
    return tiny()
