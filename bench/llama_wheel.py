"""llama.cpp's C API in the shared object of the package xllamacpp, which needs no compiler.

The package offers the server only, but exports the library's functions. Structures that are passed by value
are declared by their first fields and room for the rest: a caller may pass more than a function reads. The
order of the fields is that of the locked version, and its default values tell whether it still is.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int8, c_int32, c_uint32, c_void_p
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DEFAULTS = (512, 2048, 512, 1, 4, 4)
"""Of context length, batch, micro-batch, sequences and threads for a token and for a prompt."""


class _ModelParams(ctypes.Structure):
    _fields_ = (("rest", c_int8 * 256),)


class _ContextParams(ctypes.Structure):
    _fields_ = (
        ("n_ctx", c_uint32),
        ("n_batch", c_uint32),
        ("n_ubatch", c_uint32),
        ("n_seq_max", c_uint32),
        ("n_rs_seq", c_uint32),
        ("n_outputs_max", c_uint32),
        ("n_outputs_max_per_seq", c_uint32),
        ("n_threads", c_int32),
        ("n_threads_batch", c_int32),
        ("rest", c_int8 * 256),
    )


class _Batch(ctypes.Structure):
    _fields_ = (
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        ("embd", POINTER(c_float)),
        ("pos", POINTER(c_int32)),
        ("n_seq_id", POINTER(c_int32)),
        ("seq_id", POINTER(POINTER(c_int32))),
        ("logits", POINTER(c_int8)),
    )


FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "llama_log_set": (None, [c_void_p, c_void_p]),
    "llama_backend_init": (None, []),
    "llama_model_default_params": (_ModelParams, []),
    "llama_model_load_from_file": (c_void_p, [c_char_p, _ModelParams]),
    "llama_model_get_vocab": (c_void_p, [c_void_p]),
    "llama_vocab_n_tokens": (c_int32, [c_void_p]),
    "llama_context_default_params": (_ContextParams, []),
    "llama_init_from_model": (c_void_p, [c_void_p, _ContextParams]),
    "llama_get_memory": (c_void_p, [c_void_p]),
    "llama_memory_seq_rm": (c_bool, [c_void_p, c_int32, c_int32, c_int32]),
    "llama_batch_init": (_Batch, [c_int32, c_int32, c_int32]),
    "llama_batch_free": (None, [_Batch]),
    "llama_decode": (c_int32, [c_void_p, _Batch]),
    "llama_synchronize": (None, [c_void_p]),
    "llama_get_logits_ith": (POINTER(c_float), [c_void_p, c_int32]),
}


def load() -> SimpleNamespace:
    """The functions by their names.

    Raises:
        RuntimeError: Another version's structures are laid out differently.
    """
    spec = find_spec("xllamacpp")
    assert spec is not None
    assert spec.origin is not None
    library = ctypes.CDLL(str(Path(spec.origin).with_name("xllamacpp.abi3.so")))
    found = {}
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        found[name] = function
    api = SimpleNamespace(**found)
    told = api.llama_context_default_params()
    values = told.n_ctx, told.n_batch, told.n_ubatch, told.n_seq_max, told.n_threads, told.n_threads_batch
    if values != DEFAULTS:
        raise RuntimeError(f"xllamacpp: a context's parameters begin with {values}, not {DEFAULTS}")
    return api
