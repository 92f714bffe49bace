"""What the studies' command lines share: their folders, and errors in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from lfsr_tf.errors import LfsrError
from studies.plan import FOLDER

# Figures of phantoms and short trainings mean nothing: they never lie where those of the studies do.
SHORT, WORK = Path("build/short"), Path("build/studies")


def add_places(parser: argparse.ArgumentParser, *, work: bool = False) -> None:
    """The options `--results`, `--docs` and `--short`, and `--work` where networks are trained or taken."""
    short = f"with --short {SHORT}"
    if work:
        parser.add_argument("--work", type=Path, help=f"records and networks ({WORK}; {short})")
    parser.add_argument("--results", type=Path, help=f"the figures' folder (studies/results; {short})")
    parser.add_argument("--docs", type=Path, help=f"the pages' folder (docs/studies; {short})")
    parser.add_argument("--short", action="store_true", help="on phantoms: does the script work?")


def carry_out(work: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Do the work with the folders filled in; 0, or 1 after printing what the package refuses.

    Args:
        work: Given the options.
        options: Those of `add_places`, or none of them.
    """
    short = getattr(options, "short", False)
    usual = {"results": FOLDER / "results", "docs": FOLDER.parent / "docs" / "studies", "work": WORK}
    for name, folder in usual.items():
        if getattr(options, name, folder) is None:
            setattr(options, name, SHORT if short else folder)
    if short:
        options.results.mkdir(parents=True, exist_ok=True)
        options.docs.mkdir(parents=True, exist_ok=True)
    try:
        work(options)
    except LfsrError as error:
        print(f"studies: error: {error}", file=sys.stderr)
        return 1
    return 0
