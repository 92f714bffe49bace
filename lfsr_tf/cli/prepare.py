"""`lfsr prepare`: scans to a folder of training records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lfsr_tf.cli.console import console, progress_bar
from lfsr_tf.cli.given import given
from lfsr_tf.pairs.config import DEFAULT_PRESET

if TYPE_CHECKING:
    from lfsr_tf.pairs.config import PairsConfig
    from lfsr_tf.pairs.dataset import DatasetInfo


def prepare(
    train: Annotated[
        Path,
        typer.Argument(
            help="Folder of training scans, a manifest of them (CSV), or one scan.",
            show_default=False,
            readable=False,
        ),
    ],
    validation: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of validation scans, of other subjects. Without it subjects are split by hash.",
            readable=False,
        ),
    ] = None,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for the records.", show_default=False, readable=False),
    ],
    preset: Annotated[
        str, typer.Option(help="Settings: best, quick, paper, or a TOML file.")
    ] = DEFAULT_PRESET,
    mode: Annotated[
        str | None,
        typer.Option(help="pairs: fixed pairs. slices: new noise in every epoch. Default: the preset's."),
    ] = None,
    pairing: Annotated[
        str | None,
        typer.Option(
            help="simulated: noise is added. repetitions: LR is the centre of the k-space of one of them, "
            "HR the others' average."
        ),
    ] = None,
    plane: Annotated[str | None, typer.Option(help="acquired, axial, coronal or sagittal.")] = None,
    hr_size: Annotated[int | None, typer.Option(help="Side of HR slices in pixels.")] = None,
    lr_patch: Annotated[
        int | None, typer.Option(help="Side of LR patches in pixels; 0 for whole slices.")
    ] = None,
    patches_per_slice: Annotated[int | None, typer.Option(help="Patches from each slice.")] = None,
    train_pairs: Annotated[
        int | None,
        typer.Option(help="Exact number, for --mode pairs alone; 0: --patches-per-slice each."),
    ] = None,
    validation_pairs: Annotated[
        int | None, typer.Option(help="The same for validation, for --mode pairs alone.")
    ] = None,
    noise_copies: Annotated[
        int | None, typer.Option(help="Times that each slice is degraded, for --mode pairs alone.")
    ] = None,
    small_images: Annotated[
        str | None, typer.Option(help="Images below the HR size: refuse, or own: their own size.")
    ] = None,
    validation_fraction: Annotated[
        float | None,
        typer.Option(
            help="Fraction of the subjects that validate where no validation scans are given. Default: 0.2."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Root of every random number.")] = None,
    sigma_max: Annotated[
        float | None, typer.Option(help="Largest noise level, a fraction of the 99.9th percentile.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Most processes; default one a core that it may use.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make the records anew; other files in that folder stay.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first scan that cannot be used.")
    ] = False,
) -> None:
    """Cut high-field scans into slices, simulate low-field noise, and write LR/HR records for training.

    A run that was interrupted goes on where it was. A scan that cannot be used is named at the end; the
    others are in the records, unless --strict is given.

    Example:

        lfsr prepare scans/train scans/val -o records --preset paper --sigma-max 0.06
    """
    from lfsr_tf.pairs.preparing.prepare import prepare_dataset

    pairs = given(mode=mode, pairing=pairing, validation_fraction=validation_fraction, seed=seed)
    slices = given(plane=plane, hr_size=hr_size, small_images=small_images)
    patches = given(lr_patch=lr_patch, patches_per_slice=patches_per_slice)
    numbers = given(train_pairs=train_pairs, validation_pairs=validation_pairs, noise_copies=noise_copies)
    config = _config(preset, pairs | slices | patches | numbers, given(sigma_max=sigma_max))
    info = prepare_dataset(
        train,
        validation,
        output,
        config,
        workers=workers,
        overwrite=overwrite,
        strict=strict,
        progress=progress_bar,
    )
    _print_summary(info)


def _config(preset: str, changes: dict[str, Any], acquisition: dict[str, Any]) -> PairsConfig:
    """The preset with changes, those of the acquisition beside the others."""
    from lfsr_tf.pairs.config import PairsConfig, load_preset

    values = load_preset(preset).to_json() | changes
    values["acquisition"] |= acquisition
    return PairsConfig.from_json(values)


def _print_summary(info: DatasetInfo) -> None:
    what = "pair" if info.config.mode == "pairs" else "slice"
    for name in ("train", "validation"):
        split = info.split(name)
        contrasts = ", ".join(f"{contrast} {count}" for contrast, count in split.contrasts.items())
        console.print(
            f"{name}: {_counted(split.records, what)} from {_counted(split.slices, 'slice')} of "
            f"{_counted(len(split.subjects), 'subject')} ({contrasts})",
            soft_wrap=True,
            # A contrast is what a file says, brackets included.
            markup=False,
        )
    console.print(f"records: {info.folder}  (fingerprint {info.fingerprint})", soft_wrap=True, markup=False)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
