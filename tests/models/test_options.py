from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from models.errors import BuildError
from models.graphs.baked_sampler import Sampler
from models.options import SCHEMES, BuildOptions, Quantization, Target, check
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint


def options(**changes: Any) -> BuildOptions:
    return BuildOptions(None, Path("out/toy.tflite"), **changes)


@pytest.mark.parametrize("quantize", get_args(Quantization))
def test_every_number_format_has_a_scheme_for_every_runtime(quantize: Quantization) -> None:
    litert, classic = (SCHEMES[quantize, target] for target in get_args(Target))
    assert litert.dtype == classic.dtype
    assert litert.fixed == classic.fixed == (quantize == "int8")
    assert litert.integer == (quantize in ("dynamic", "int8", "int4"))


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"quantize": "none", "quality_tokens": 0}, 4),
        ({"quantize": "none"}, 5),
        ({"quantize": "dynamic"}, 6),
        ({"quantize": "int8"}, 7),
    ],
)
def test_the_stages_are_counted(changes: dict[str, Any], stages: int) -> None:
    assert options(**changes).stages == stages


def test_downloads_are_beside_the_file() -> None:
    assert options().downloads == Path("out/downloads")


@pytest.mark.parametrize(
    ("sampler", "reason"),
    [
        (Sampler(0.001), "--serving-temperature 0.001: 0, or 0.01 to 2, is possible"),
        (Sampler(2.5), "--serving-temperature 2.5: 0, or 0.01 to 2, is possible"),
        (Sampler(-1.0), "--serving-temperature -1.0: 0, or 0.01 to 2, is possible"),
        (Sampler(1.0, top_k=-1), "--serving-top-k -1: 0, for all, or more is possible"),
        (Sampler(1.0, top_p=0.0), "--serving-top-p 0.0: more than 0 and at most 1 is possible"),
        (Sampler(1.0, top_p=1.5), "--serving-top-p 1.5: more than 0 and at most 1 is possible"),
        (Sampler(1.0, seed=-1), "--serving-seed -1: 0 or more is possible"),
        (Sampler(top_k=5), "serving_default: top-k and top-p need a --serving-temperature above 0"),
        (Sampler(top_p=0.5), "serving_default: top-k and top-p need a --serving-temperature above 0"),
    ],
)
def test_a_sampler_that_cannot_be_baked_is_refused(sampler: Sampler, reason: str) -> None:
    with pytest.raises(BuildError) as caught:
        check(tiny_checkpoint("llama", TOY_VOCABULARY), options(serving_sampler=sampler))
    assert str(caught.value) == reason


def test_the_ends_of_the_ranges_are_possible() -> None:
    for sampler in (Sampler(), Sampler(0.01, 1, 0.1, 2**40), Sampler(2.0, 10**6, 1.0)):
        check(tiny_checkpoint("llama", TOY_VOCABULARY), options(serving_sampler=sampler))
