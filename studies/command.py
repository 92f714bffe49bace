"""What the studies' command lines share: an error is one line, and an exit code that is not 0."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from lfsr_tf.errors import LfsrError


def carry_out(work: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Do the work; 0, or 1 after printing what the package refuses."""
    try:
        work(options)
    except LfsrError as error:
        print(f"studies: error: {error}", file=sys.stderr)
        return 1
    return 0
