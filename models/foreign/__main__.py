"""`python -m models.foreign GGUF OUTPUT`: the weights of a GGUF as LiteRT-LM wants them, by its own exporter.

Nothing of the service makes this file: it shows that the service runs what others have made. Runs in an
environment of its own, `.venv-foreign`, because the exporter needs PyTorch and a newer NumPy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

CACHE_LENGTH = 1024
"""Places of the KV cache; fixed in the file, and a longer one is slower in every step."""

PREFILL_LENGTHS = [32, 128, 512]

SCHEMA = "schema_py_generated"


def checkpoint_of(gguf: Path, folder: Path) -> None:
    """Write a GGUF's weights and tokenizer, in float32, as a Hugging Face directory."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    weights = read.state_dict()
    del read.config.quantization_config  # the weights have been dequantized
    model = AutoModelForCausalLM.from_config(read.config).float()
    model.load_state_dict(weights)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def export(checkpoint: Path, folder: Path) -> Path:
    """A `.litertlm` of a Hugging Face directory, with int8 weights."""
    _lend_schema()
    exporter = import_module("litert_torch.generative.export_hf.export")
    exporter.export(
        model=str(checkpoint),
        output_dir=str(folder),
        cache_length=CACHE_LENGTH,
        prefill_lengths=PREFILL_LENGTHS,
    )
    return next(folder.glob("*.litertlm"))


def _lend_schema() -> None:
    """Put LiteRT's schema classes where the exporter looks for TensorFlow's, the same ones."""
    for name in ("tensorflow", "tensorflow.lite", "tensorflow.lite.python"):
        sys.modules[name] = ModuleType(name)
    schema = import_module(f"ai_edge_litert.{SCHEMA}")
    setattr(sys.modules["tensorflow.lite.python"], SCHEMA, schema)
    sys.modules[f"tensorflow.lite.python.{SCHEMA}"] = schema


def main(gguf: Path, output: Path) -> None:
    """Export under a temporary name, then rename."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output.parent) as name:
        folder = Path(name)
        checkpoint_of(gguf, folder / "checkpoint")
        export(folder / "checkpoint", folder / "export").replace(output)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
