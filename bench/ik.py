"""ik_llama.cpp as a peer: llama.cpp's fork for processors, with weights repacked while they are loaded."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from ik_llama_cpp import _ctypes_api as api

from bench.llama import Llama


class Ik(Llama):
    """Like llama.cpp, but for what the fork calls otherwise.

    Flash attention is off, as the package itself sets it where there is no AVX-VNNI: it aborts there.
    """

    def __init__(self, model: Path, threads: int) -> None:
        library = api._lib
        library.llama_kv_cache_seq_rm.argtypes = [ctypes.c_void_p, *[ctypes.c_int32] * 3]
        library.llama_synchronize.argtypes = [ctypes.c_void_p]
        library.llama_log_set.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        api.llama_synchronize, api.llama_log_set = library.llama_synchronize, library.llama_log_set
        super().__init__(api, model, threads)

    def _options(self) -> Any:
        options = super()._options()
        options.repack_tensors = True
        options.use_mmap = False  # repacked weights have no file
        return options

    def _parameters(self) -> Any:
        parameters = super()._parameters()
        parameters.flash_attn = False
        return parameters

    def _forget(self, context: Any, start: int) -> None:
        api._lib.llama_kv_cache_seq_rm(context, -1, start, -1)
