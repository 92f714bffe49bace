"""Starting modules of this package as processes of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import lfsr_tf


def module_command(name: str) -> list[str]:
    """Program and arguments that run a module, without anything of the folder that they are started in."""
    return [sys.executable, "-P", "-m", name]


def module_environment() -> dict[str, str]:
    """This process's environment, in which the module is found though the package may not be installed."""
    package_parent = str(Path(lfsr_tf.__file__).resolve().parent.parent)
    paths = [package_parent, os.environ.get("PYTHONPATH")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
