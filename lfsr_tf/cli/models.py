"""`lfsr models`: the models that come with the package, and the card of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lfsr_tf.cli.console import console

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
        console.print(_overview({each: read_card(each) for each in list_models()}))
    else:
        _print_card(name, read_card(name))


def _overview(cards: dict[str, ModelCard]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "network", "parameters", "multiply-adds", "what for"):
        table.add_column(heading, justify="right" if heading in ("parameters", "multiply-adds") else "left")
    for name, card in cards.items():
        cost = f"{card.multiply_adds / 1e9:.2f} G"
        table.add_row(name, card.info.network, f"{card.parameters:,}", cost, card.summary)
    return table


def _print_card(name: str, card: ModelCard) -> None:
    from lfsr_tf.models.card import NOT_A_DEVICE

    console.print(f"{name}, version {card.info.version}: {card.summary}", style="bold", soft_wrap=True)
    lines = [
        NOT_A_DEVICE,
        f"Network: {card.info.network} {dict(card.info.settings)}, scale {card.info.scale}.",
    ]
    lines.append(
        f"{card.parameters:,} parameters, {card.multiply_adds / 1e9:.2f} G multiply-adds a 64 x 64 slice."
    )
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
