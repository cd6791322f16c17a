"""What transformers says of every family: `python -m tests.families.oracle FOLDER LLAMA_CPP [NAMES]`.

Writes for each configuration a Hugging Face folder, the GGUF file that llama.cpp's converter makes of it, and
the texts that transformers continues greedily. LLAMA_CPP is the converter's folder. Runs beside PyTorch;
`tests/families/compare.py` builds and compares.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.families.configs import CONFIGS
from tests.families.expect import open_model
from tests.families.folders import byte_tokenizer

LENGTHS = (5, 12, 20, 30)
"""Tokens of prompts; with what follows they are longer than every window."""
TRIED, KEPT = 12, 5
"""Prompts of each length."""
COUNT = 32
CLEAR = 1e-3
"""How far the likeliest token must be ahead, in deviations of the logits: where two are closer, the order of
additions decides."""


def continue_clearly(model: Any, length: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """Prompts of a length with what follows greedily, where no two tokens are about as likely."""
    rng = np.random.Generator(np.random.PCG64(seed))
    ids = torch.tensor(rng.integers(1, 257, (TRIED, length)))
    least = torch.full((len(ids),), torch.inf)
    for _ in range(COUNT):
        logits = model(ids).logits[:, -1].double()
        best = logits.topk(2, -1).values
        least = torch.minimum(least, (best[:, 0] - best[:, 1]) / logits.std(-1))
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], -1)
    rows = [row.tolist() for row, gap in zip(ids, least, strict=True) if gap > CLEAR][:KEPT]
    if len(rows) < KEPT:
        raise ValueError(f"{len(rows)} prompts of {length} tokens are continued clearly")
    return [(row[:length], row[length:]) for row in rows]


def convert(folder: Path, output: Path, *, of_bytes: bool) -> None:
    """A GGUF file in float32, its tokenizer as GPT-2's if it is the one of bytes."""
    import gguf
    from conversion import ModelBase, get_model_class

    config = ModelBase.load_hparams(folder, is_mistral_format=False)
    architecture = RENAMED.get(config["architectures"][0], config["architectures"][0])
    kind = get_model_class(architecture, mmproj=False)

    class OfBytes(kind):  # type: ignore[misc, valid-type]
        model_arch = kind.model_arch

        def set_vocab(self) -> None:
            self._set_vocab_gpt2()

        def get_vocab_base_pre(self, tokenizer: Any) -> str:
            return "gpt-2"

    turned = (config.get("rope_parameters") or {}).get("partial_rotary_factor", 1.0)
    config |= {"rotary_pct": turned}  # its name in older files, as that of full attention in Granite's
    if config["model_type"] == "granitemoehybrid":
        config["layer_types"] = ["attention"] * len(config["layer_types"])
    (OfBytes if of_bytes else kind)(folder, gguf.LlamaFileType.ALL_F32, output, hparams=config).write()


def converted(folder: Path, *, of_bytes: bool) -> str:
    """Write `model.gguf` beside the folder `model`, and say whether that could be done."""
    output = folder / "model.gguf"
    try:
        convert(folder / "model", output, of_bytes=of_bytes)
    except Exception as error:
        output.unlink(missing_ok=True)
        return f"no GGUF: {type(error).__name__}: {str(error)[:150]}"
    return "GGUF"


RENAMED = {"MptForCausalLM": "MPTForCausalLM"}
"""Architectures that the converter knows by another name."""


def write(name: str, folder: Path) -> str:
    """Everything of one configuration; says what became of the GGUF file."""
    folder.mkdir(parents=True, exist_ok=True)
    model = open_model(name, folder / "model")
    config = json.loads((folder / "model" / "config.json").read_text())
    (folder / "model" / "tokenizer.json").write_text(json.dumps(byte_tokenizer(config)))
    plain = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "model" / "tokenizer_config.json").write_text(json.dumps(plain))
    with torch.no_grad():
        texts = [text for length in LENGTHS for text in continue_clearly(model, length, length)]
    (folder / "expected.json").write_text(json.dumps(texts))
    return converted(folder, of_bytes=True)


def main(folder: Path, llama_cpp: Path, names: list[str]) -> None:
    """Write what was asked for, or everything."""
    sys.path[1:1] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    for name in names or CONFIGS:
        print(f"{name}: {write(name, folder / name.replace('/', ' '))}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
