"""`lfsr models`: the models that come with the package, and the card of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lfsr_tf.cli.console import console
from lfsr_tf.cli.tables import fits

if TYPE_CHECKING:
    from lfsr_tf.models import ModelCard


def models(
    name: Annotated[str | None, typer.Argument(help="A model, to read its card.")] = None,
) -> None:
    """List the models that come with the package, or read the card of one.

    A card says what a model was trained on, for which noise and voxel sizes, how good it was on other
    subjects, and where it is known to fail.

    Example:

        lfsr models fast
    """
    from lfsr_tf.models import list_models, read_card

    if name is None:
        _print_overview({each: read_card(each) for each in list_models()})
    else:
        _print_card(name, read_card(name))


# Summaries of fewer letters a line are hard to read.
_LEAST_SUMMARY = 24


def _print_overview(cards: Mapping[str, ModelCard]) -> None:
    """As a table, or as lines where the terminal is too narrow for its words."""
    table = _overview(cards)
    if fits(table, wrapped=True):
        console.print(table)
        return
    for name, card in cards.items():
        console.print(f"{name}: {card.summary}", markup=False)
        cost = f"{card.parameters:,} parameters, {_multiply_adds(card)} multiply-adds"
        console.print(f"  {card.info.network}, {cost}", markup=False)


def _multiply_adds(card: ModelCard) -> str:
    return f"{card.multiply_adds / 1e9:.2f} G"


def _overview(cards: Mapping[str, ModelCard]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "network"):
        table.add_column(heading, no_wrap=True)
    for heading in ("parameters", "multiply-adds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what for", min_width=_LEAST_SUMMARY)
    for name, card in cards.items():
        table.add_row(name, card.info.network, f"{card.parameters:,}", _multiply_adds(card), card.summary)
    return table


def _print_card(name: str, card: ModelCard) -> None:
    from lfsr_tf.models.card import NOT_A_DEVICE

    console.print(f"{name}, version {card.info.version}: {card.summary}", style="bold", soft_wrap=True)
    lines = [
        NOT_A_DEVICE,
        f"Network: {card.info.network} {dict(card.info.settings)}, scale {card.info.scale}.",
    ]
    lines.append(f"{card.parameters:,} parameters, {_multiply_adds(card)} multiply-adds a 64 x 64 slice.")
    lines.append(f"Trained for {_ranges(card)}. {card.training}")
    lines += [f"Data: {source}" for source in card.data]
    lines += [f"Known failure: {failure}" for failure in card.known_failures]
    lines += [_result(row) for row in card.results]
    for line in [*lines, f"SHA-256 of the weights: {card.sha256}"]:
        console.print(line, soft_wrap=True, markup=False)


def _result(row: Mapping[str, float]) -> str:
    psnr = f"PSNR {row['psnr']:.2f} dB (zero-filling {row['zero_fill_psnr']:.2f})"
    ssim = f"SSIM {row['ssim']:.3f} ({row['zero_fill_ssim']:.3f})"
    return f"Validation, inside the head mask, sigma {row['sigma']:g}: {psnr}, {ssim}."


def _ranges(card: ModelCard) -> str:
    noise = (
        "unknown noise"
        if card.info.sigma_range is None
        else "sigma {:g} to {:g}".format(*card.info.sigma_range)
    )
    if card.info.spacing_range_mm is None:
        return noise
    return noise + ", LR voxels of {:.2g} to {:.2g} mm".format(*card.info.spacing_range_mm)
