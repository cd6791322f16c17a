"""What transformers computes for each configuration: `python -m tests.families.expect`, beside PyTorch.

Writes `data/expected.json.gz`: the tensors' names, the configuration as `save_pretrained` writes it or as it
was published, ids that a text begins with, the ids that follow it greedily, and some logits. Names as
arguments add to it.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from tests.families.configs import CONFIGS
from tests.families.folders import read_published
from tests.families.tensors import make_tensors

DATA = Path(__file__).parent / "data" / "expected.json.gz"
PROMPT = [5, 90, 17, 200, 5, 33, 7, 120, 250, 9, 66, 31, 180, 2, 77, 54, 12, 240, 100, 41, 3, 88, 19, 150]
COUNT = 24
KEPT = 16
"""Logits of the last place that are written down."""


def open_model(name: str, folder: Path, changed: dict[str, Any] | None = None) -> Any:
    """Save a model with tensors of ours, and load it again."""
    published = read_published()
    config = changed or (CONFIGS | published)[name]
    known = {key: value for key, value in config.items() if key not in ("model_type", "auto_map")}
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(config["model_type"], **known))
    made.save_pretrained(folder)
    if name in published:
        (folder / "config.json").write_text(json.dumps(config))
    save_file(make_tensors(_shapes(folder)), folder / "model.safetensors", {"format": "pt"})
    capped = getattr(made.config, "attn_logit_softcapping", None)  # sdpa knows no cap
    exact = "eager" if capped or not made._supports_sdpa else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=exact)
    return model.eval()


def _shapes(folder: Path) -> dict[str, list[int]]:
    with safe_open(folder / "model.safetensors", "np") as file:
        return {key: file.get_slice(key).get_shape() for key in sorted(file.keys())}


def expect(name: str, folder: Path) -> dict[str, Any]:
    """What a model says of one prompt."""
    model = open_model(name, folder)
    ids = list(PROMPT)
    with torch.no_grad():
        first = model(torch.tensor([ids])).logits[0, -1]
        for _ in range(COUNT):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return {
        "config": json.loads((folder / "config.json").read_text()),
        "shapes": _shapes(folder),
        "greedy": ids[len(PROMPT) :],
        "logits": [round(float(x), 5) for x in first[:KEPT]],
    }


def main() -> None:
    """Write what was asked for, or everything."""
    found = json.loads(gzip.decompress(DATA.read_bytes()))["models"] if sys.argv[1:] else {}
    torch.set_num_threads(1)
    for name in sys.argv[1:] or (*CONFIGS, *read_published()):
        with tempfile.TemporaryDirectory() as work:
            try:
                found[name] = expect(name, Path(work))
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {str(error)[:200]}", file=sys.stderr)
    DATA.parent.mkdir(exist_ok=True)
    with gzip.GzipFile(DATA, "wb", mtime=0) as file:
        file.write(json.dumps({"prompt": PROMPT, "models": found}, indent=1).encode())
    print(f"{DATA}: {len(found)} models, {DATA.stat().st_size} bytes")


if __name__ == "__main__":
    main()
