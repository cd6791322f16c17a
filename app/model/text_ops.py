"""TF-Text's operators for an interpreter: one shared object, whatever the Python that loads it.

Its functions `Add…` are C functions that take the address of the interpreter's resolver of operators.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

from app.errors import ModelRefusedError

LIBRARY = "libpybinds_library_common" + (".dylib" if sys.platform == "darwin" else ".so")

REGISTERERS = (
    *("AddByteSplit", "AddByteSplitByOffsets", "AddFastBertNormalize", "AddFastSentencepieceDetokenize"),
    *("AddFastSentencepieceTokenize", "AddFastWordpieceDetokenize", "AddFastWordpieceTokenize"),
    *("AddNgramsStringJoin", "AddRaggedTensorToTensor", "AddRoundRobinGenerateMasks", "AddRoundRobinTrim"),
    *("AddSentenceFragmenterV2", "AddUtf8Binarize", "AddWhitespaceTokenize"),
)
"""The functions of tensorflow-text 2.21.1."""


def text_op_registerers(folder: Path) -> list[Callable[[int], None]]:
    """What `InterpreterWithCustomOps(custom_op_registerers=…)` of either runtime wants.

    Raises:
        ModelRefusedError: The shared object is not in the folder, or cannot be loaded.
    """
    path = (folder / LIBRARY).resolve()  # one file loaded under two names crashes at exit
    try:
        library = ctypes.CDLL(str(path))
        functions = [getattr(library, name) for name in REGISTERERS]
    except (OSError, AttributeError) as error:
        raise ModelRefusedError(f"{path}: cannot be loaded: {error}") from None
    for function in functions:
        function.argtypes, function.restype = (ctypes.c_void_p,), None
    return functions
