"""Models behind servers: their export, and what serves and asks them.

Here stand the export to SavedModels, checked with TensorFlow's own C++ loader, and to OpenVINO's files. In
the folders: `signatures`, what an exported model answers; `server`, this package's own server with its page;
`clients`, which ask that server or TensorFlow Serving.

Names are imported when they are first used: a server reads its options before it needs TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {"check_saved_model": "loader_check", "export_model": "export"}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'lfsr_tf.serving' has no attribute {name!r}")
    return getattr(importlib.import_module(f"lfsr_tf.serving.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return __all__
