"""`python -m studies NAME`: run a study, keep its figures, renew its page.

A page that is not written yet is named, with the tables that it is to hold.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

from lfsr_tf.errors import ConfigError
from studies.command import add_places, carry_out
from studies.lab import make
from studies.page import renew
from studies.plan import Run, read_study
from studies.scans import Scans, asked_scans
from studies.scores import Results


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    return carry_out(_carry_out, _parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m studies", description=__doc__)
    parser.add_argument("study", help="a file of plans/, without its suffix")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="train/, val/, lowfield_dev/"
    )
    parser.add_argument("--only", action="append", help="this run alone; may be given again")
    add_places(parser, work=True)
    parser.add_argument("--page", action="store_true", help="train nothing: renew the page from the results")
    return parser


def _carry_out(options: argparse.Namespace) -> None:
    study = read_study(options.study, short=options.short)
    known = [run.name for run in study.runs]
    unknown = [name for name in options.only or () if name not in known]
    if unknown:
        raise ConfigError(f"Expected a run of {study.name} ({', '.join(known)}). Received: {unknown[0]}.")
    # Before the hours of training.
    module = _own_module(study.name)
    file = options.results / f"{study.name}.jsonl"
    results = Results.read(file)
    if not options.page:
        scans = asked_scans(options)
        runs = [run for run in study.runs if not options.only or run.name in options.only]
        for run in runs:
            made = _in_process(run, scans, options.work / study.name)
            results = results.keep(file, known, made)
    page = options.docs / f"{study.name}.md"
    if missing := [name for name in known if name not in results.runs]:
        still = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} still to be run"
        print(f"{study.name}: no tables yet: {still}")
    else:
        _show(results, module, page, short=options.short)


def _own_module(name: str) -> ModuleType:
    """A study's own file, with its tables and figures."""
    if importlib.util.find_spec(f"studies.{name}") is None:
        raise ConfigError(
            f"Expected tables and figures of {name} in studies/{name}.py. Received: no such file. Write it, "
            "as studies/denoising.py is written."
        )
    return importlib.import_module(f"studies.{name}")


def _show(results: Results, module: ModuleType, page: Path, *, short: bool) -> None:
    """Put a study's tables into its page, or print them where it has none, and draw its figures beside it."""
    try:
        tables = module.tables(results)
        module.figures(results, page.parent)
    except KeyError as lacking:
        # A short run has fewer noise levels and no second seeds.
        if not short:
            raise
        print(f"{page.stem}: no tables of a short run, which lacks figures: {lacking.args[0]}")
        return
    if page.exists():
        renew(page, tables)
        return
    print(f"{page.stem}: no page {page}: write it, with these tables in it\n")
    for name, table in tables.items():
        print(f"<!-- table: {name} -->\n{table}\n<!-- end -->\n")


def _in_process(run: Run, scans: Scans, folder: Path) -> dict[str, Any]:
    """Make a run in a process of its own: TensorFlow keeps the memory of every network it has seen."""
    print(f"{run.name}: {run.title}", flush=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return {"name": run.name, "title": run.title, **pool.submit(make, run, scans, folder).result()}


if __name__ == "__main__":
    raise SystemExit(main())
