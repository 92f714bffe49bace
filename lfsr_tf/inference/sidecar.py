"""What is written beside an enhanced scan: where it comes from, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lfsr_tf import __version__
from lfsr_tf.errors import LfsrError
from lfsr_tf.hashing import sha256_file
from lfsr_tf.inference.consistency import Ring
from lfsr_tf.inference.matrix import AcquiredMatrix
from lfsr_tf.inference.spectrum import AxisSpectrum
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.scans import scan_files
from lfsr_tf.scans.enhanced import SIDECAR_SCHEMA, error_map_of
from lfsr_tf.storage import exists, read_json, write_json

PACKAGE = "lfsr_tf"


@dataclass(frozen=True)
class ModelReport:
    """Which model made the result.

    Attributes:
        name: Of the model.
        version: Of the model.
        network: Architecture.
        scale: Factor between the matrices before and after.
        dtype: Keras dtype policy that the network was run with.
    """

    name: str
    version: int
    network: str
    scale: int
    dtype: str


@dataclass(frozen=True)
class NoiseReport:
    """The noise of the image that the network was given, and whether the model knows such noise.

    Attributes:
        sigma: Standard deviation of one channel, in the scan's unit; of raw k-space of several coils that of
            their combined image. None when it cannot be told.
        sigma_relative: The same over the reference intensity, the unit of `training_range`.
        method: "background", "out-of-phase", "high-pass" or "unknown".
        reason: Where the figure comes from, or why there is none.
        coils: Receive coils that the image was combined from.
        coils_effective: As many with independent noise of this sigma have the same noise together: the number
            to remove a magnitude's bias with. Fewer than `coils` where their noise is correlated.
        told: Noise level that the network was given, relative; None for a network that takes none.
        training_range: Smallest and largest sigma of the training, relative.
        in_training_range: Whether `sigma_relative`, the scan's own noise whatever was told, lies in it; None
            when sigma or the range is not known.
    """

    sigma: float | None
    sigma_relative: float | None
    method: str
    reason: str
    coils: int
    coils_effective: float
    told: float | None
    training_range: tuple[float, float] | None
    in_training_range: bool | None


@dataclass(frozen=True)
class SpacingReport:
    """In-plane voxel sizes in millimetres, along the volume's two in-plane axes.

    Attributes:
        file: Of the file.
        network_input: Of the slices that the network was given, after the cut to the acquired matrix.
        output: Of the result.
        training_range: Smallest and largest LR voxel size of the training.
        in_training_range: None when the range is not known.
    """

    file: tuple[float, float]
    network_input: tuple[float, float]
    output: tuple[float, float]
    training_range: tuple[float, float] | None
    in_training_range: bool | None


@dataclass(frozen=True)
class Sidecar:
    """All that is known of one enhanced volume.

    Attributes:
        model: Which model made it.
        contrast: Of the scan.
        image: What was enhanced: the "magnitude", or of raw k-space the part "in_phase".
        offset: Value of air in a signed scan, in its unit: taken off before all else, and put back onto the
            result. 0: nothing was.
        reference_intensity: 99.9th percentile of the network's input, in the scan's unit; the network saw
            the slices divided by it, and its result was multiplied by it.
        noise: See `NoiseReport`.
        spacing: See `SpacingReport`.
        matrix: What was taken as the acquired matrix.
        spectrum: What the spectrum of the file's slices shows along both axes.
        consistency: Agreement of the result with the input, by ring of k-space.
        views: Sample positions from which the slices were enhanced; the result is the mean over them.
        tiles: Tiles that each slice was cut into; 1 where it fitted whole.
        warnings: What the reader should know before trusting the result, a sentence each.
    """

    model: ModelReport
    contrast: str
    image: RawImage
    offset: float
    reference_intensity: float
    noise: NoiseReport
    spacing: SpacingReport
    matrix: AcquiredMatrix
    spectrum: tuple[AxisSpectrum, AxisSpectrum]
    consistency: tuple[Ring, ...]
    views: int
    tiles: int
    warnings: tuple[str, ...]


def hash_input(source: Path) -> dict[str, str]:
    """SHA-256 of each file that an input is read from, by name.

    Args:
        source: A file, or the folder of a DICOM series.

    Raises:
        ScanError: The files of a series cannot be told.
        OSError: A file cannot be read.
    """
    return {file.name: sha256_file(file) for file in scan_files(source)}


def write_sidecar(
    path: Path,
    source: Path,
    sha256: Mapping[str, str],
    outputs: Mapping[Path, Sidecar],
    settings: Mapping[str, object],
) -> None:
    """Write the sidecar of one input file as JSON.

    Args:
        path: Of the JSON file.
        source: The input: a file, or the folder of a DICOM series.
        sha256: `hash_input` of what was read.
        outputs: Each written volume with what is known of it; its map of expected errors, if it has one, lies
            beside it. Paths are written relative to the JSON file.
        settings: What was asked for; values that JSON has.

    Raises:
        OutputError: The file cannot be written.
    """
    write_json(
        path,
        {
            "schema_version": SIDECAR_SCHEMA,
            "package": {"name": PACKAGE, "version": __version__},
            "input": {"path": str(source), "sha256": dict(sha256)},
            "settings": dict(settings),
            "volumes": [
                {
                    "output": str(output.relative_to(path.parent)),
                    "error_map": _relative(error_map_of(output), path.parent),
                    **asdict(sidecar),
                }
                for output, sidecar in outputs.items()
            ],
        },
    )


def _relative(path: Path, folder: Path) -> str | None:
    return str(path.relative_to(folder)) if exists(path) else None


def is_sidecar(path: Path) -> bool:
    """Whether a JSON file is a sidecar that this package wrote, of whatever version."""
    try:
        sidecar = read_json(path)
        return sidecar["package"]["name"] == PACKAGE and "schema_version" in sidecar
    except (LfsrError, LookupError, TypeError):
        return False
