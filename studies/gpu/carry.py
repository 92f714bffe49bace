"""What travels to an accelerator and back: HR slices there, weights here."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import lfsr_tf
from lfsr_tf.errors import ModelError
from lfsr_tf.evaluation.masks import head_mask
from lfsr_tf.networks import ModelInfo, build_network, save_model, scale_of
from lfsr_tf.pairs import PairsConfig, hr_slices
from lfsr_tf.scans import find_scans, read_scan

VALIDATION_SLICES_PER_VOLUME = 20
# Far below the noise of any scan, and a third of the file is saved.
_GREY_LEVELS = 1024


def write_slices(train: list[Path], validation: list[Path], output: Path, config: PairsConfig) -> None:
    """Write HR slices of scans as float16, with head masks of the validation slices.

    Args:
        train: Training scans.
        validation: Scans of other subjects; evenly spaced slices are kept.
        output: The .npz file: `train` [N, S, S], `validation` [M, S, S] float16, `masks` [M, S, S] bool, and
            `spacing_mm` [2], the smallest and largest LR spacing.
        config: How slices are made.
    """
    volumes = [hr_slices(read_scan(path), config) for path in train]
    held_out = [hr_slices(read_scan(path), config) for path in validation]
    kept = np.concatenate([_spread(volume.images) for volume in held_out])
    spacing = [side * config.scale for volume in volumes for side in volume.spacing_mm]
    np.savez_compressed(
        output,
        train=_rounded(np.concatenate([volume.images for volume in volumes])),
        validation=_rounded(kept),
        masks=head_mask(kept),
        spacing_mm=np.array([min(spacing), max(spacing)]),
    )


def _rounded(images: NDArray[np.float32]) -> NDArray[np.float16]:
    return (np.round(images * _GREY_LEVELS) / _GREY_LEVELS).astype(np.float16)


def _spread(images: NDArray[np.float32]) -> NDArray[np.float32]:
    places = np.linspace(0, len(images) - 1, min(VALIDATION_SLICES_PER_VOLUME, len(images)))
    return images[places.round().astype(int)]


def write_run(trained: Path, slices: Path, output: Path) -> None:
    """Make a run folder, best.keras and model.json, of what `studies.gpu.train` wrote.

    Raises:
        ModelError: The weights are not those of the network that the plan names.
    """
    with np.load(trained, allow_pickle=False) as file, np.load(slices, allow_pickle=False) as carried:
        facts = json.loads(str(file["facts"]))
        weights = {name.removeprefix("weights/"): file[name] for name in file.files if name != "facts"}
        spacing = tuple(float(side) for side in carried["spacing_mm"])
    plan = facts["plan"]
    model = build_network(plan["network"], **plan["settings"])
    if {variable.path for variable in model.trainable_variables} != set(weights):
        raise ModelError(f"Expected the weights of {plan['network']}. Received: others in {trained}.")
    for variable in model.trainable_variables:
        variable.assign(weights[variable.path])
    save_model(model, _info(facts, spacing, model), output / "best.keras")


def _info(facts: dict[str, Any], spacing: tuple[float, ...], model: Any) -> ModelInfo:
    plan, last = facts["plan"], facts["history"][-1]
    return ModelInfo(
        name=plan["network"],
        network=plan["network"],
        settings=plan["settings"],
        scale=scale_of(model),
        sigma_range=(0.0, plan["batches"]["sigma_max"]),
        spacing_range_mm=(spacing[0], spacing[1]),
        trained_steps=last["steps"],
        package_version=lfsr_tf.__version__,
        metrics={"loss": last["loss"], **{f"psnr_{sigma}": value for sigma, value in last["psnr"].items()}},
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m studies.gpu.carry", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="train/ and val/")
    parser.add_argument("--slices", type=Path, default=Path("slices.npz"), help="the file of slices")
    parser.add_argument("--weights", type=Path, help="what studies.gpu.train wrote: make a run of it")
    parser.add_argument("--output", type=Path, default=Path("runs/gpu"), help="the run folder")
    options = parser.parse_args()
    if options.weights:
        write_run(options.weights, options.slices, options.output)
    else:
        train, validation = (find_scans(options.data / side) for side in ("train", "val"))
        write_slices(train, validation, options.slices, PairsConfig(mode="slices", lr_patch=32))


if __name__ == "__main__":
    main()
