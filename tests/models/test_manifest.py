from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.model.manifest import InfillRole
from models.graphs.baked_sampler import Sampler
from models.manifest import UNPACKED, make_manifest
from models.options import BuildOptions
from models.tflite.graph import Model
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint


def test_a_manifest_says_what_was_asked_for_and_what_came_out(tmp_path: Path) -> None:
    model = Model("test")
    graph = model.subgraph("double")
    x = graph.input("x", [-1, 4])
    graph.output("y", x + x)
    model.signature(graph)
    model.weight_bytes = 12
    options = BuildOptions(
        None, tmp_path / "toy.tflite", sequence_length=128, serving_sampler=Sampler(0.5, 3, 0.9, 4)
    )
    digest = model.save(options.output)
    infill: dict[InfillRole, int] = {"prefix": 1, "suffix": 2, "middle": 3}
    checkpoint = replace(tiny_checkpoint("gpt2", TOY_VOCABULARY), infill_tokens=infill)
    found = make_manifest(checkpoint, options, model, digest, {"ops.so": "ab"})
    assert (found.sha256, found.bytes, found.weight_bytes) == (digest, options.output.stat().st_size, 12)
    assert (found.quantization, found.target, found.architecture) == ("dynamic", "litert", "gpt2")
    assert (found.sequence_length, found.default_window) == (128, 64)
    assert found.serving == {
        "window": 128, "max_tokens": 64, "temperature": 0.5, "top_k": 3, "top_p": 0.9, "seed": 4,
    }  # fmt: skip
    assert found.signatures["double"].inputs["x"].shape == (-1, 4)
    assert found.signatures["double"].outputs["y"].dtype == "float32"
    assert found.infill_tokens == infill
    assert (found.quality, found.text_ops) == ({}, {"ops.so": "ab"})
    assert UNPACKED.items() <= found.tools.items()
