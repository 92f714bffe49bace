"""The settings of a set of LR/HR pairs, and the presets of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.settings import AcquisitionConfig
from lfsr_tf.presets import read_preset
from lfsr_tf.settings import check_choice, check_names, check_range, check_types, refusal

Mode = Literal["pairs", "slices"]
Pairing = Literal["simulated", "repetitions"]
Plane = Literal["acquired", "axial", "coronal", "sagittal"]
SmallImages = Literal["refuse", "own"]
PRESETS = Path(__file__).parent / "presets"
DEFAULT_PRESET = "quick"
SCALES = (2, 4)
# Settings that mode "slices" makes no use of.
_OF_PAIRS = ("train_pairs", "validation_pairs", "noise_copies")


@dataclass(frozen=True)
class PairsConfig:
    """How scans become LR/HR pairs. `docs/decisions.md` has the choices that the paper leaves open.

    Attributes:
        mode: "pairs": fixed pairs, degraded once, as in the paper. "slices": the records hold HR slices and
            every epoch draws new noise and new patches.
        pairing: "simulated": LR is simulated from HR. "repetitions": LR is the centre of the k-space of one
            repetition of an acquisition, with the noise that it has, and HR the average of the other ones
            (mode "pairs" and plane "acquired" only). In an average of all, the input's own noise would stand
            in the truth, and a network would learn to keep it.
        plane: "acquired": the plane in which the scan was acquired (axial for isotropic volumes), or a named
            plane.
        hr_size: Side of an HR slice in pixels, after padding to a square field of view and the k-space crop.
        scale: HR pixels for each LR pixel along an axis.
        small_images: An image of fewer than `hr_size` pixels is never upsampled into ground truth. "refuse"
            it with an error, or use its "own" size, rounded down to a multiple of `scale`.
        head_threshold: A pixel above this fraction of the volume's reference intensity belongs to the head.
        min_head_fraction: A slice with a smaller fraction of head pixels is dropped.
        lr_patch: Side of an LR patch in pixels; 0 takes whole slices.
        min_patch_head: A patch with a smaller fraction of head pixels in HR is rejected as background.
        patches_per_slice: Patches cut from one image, all at different positions; fewer where the head is
            small.
        train_pairs: Exact number of training pairs, spread evenly over the images; 0 means
            `patches_per_slice` each (mode "pairs" only).
        validation_pairs: The same for validation (mode "pairs" only).
        noise_copies: Times that each slice is degraded, each time with other noise (mode "pairs" only).
        validation_fraction: Fraction of subjects that validate when no validation scans are named; the choice
            is a stable hash of the subject's name.
        seed: Root of every random number.
        shard_mebibytes: Size of one shard before compression.
        acquisition: What the simulated scanner does.
    """

    mode: Mode = "pairs"
    pairing: Pairing = "simulated"
    plane: Plane = "acquired"
    hr_size: int = 128
    scale: int = 2
    small_images: SmallImages = "refuse"
    head_threshold: float = 0.1
    min_head_fraction: float = 0.1
    lr_patch: int = 16
    min_patch_head: float = 0.25
    patches_per_slice: int = 40
    train_pairs: int = 0
    validation_pairs: int = 0
    noise_copies: int = 1
    validation_fraction: float = 0.2
    seed: int = 0
    shard_mebibytes: int = 8
    acquisition: AcquisitionConfig = field(default_factory=AcquisitionConfig)

    def __post_init__(self) -> None:
        """Check every setting.

        Raises:
            ConfigError: A value is of another type or out of its range.
        """
        check_types(self)
        literals = {"mode": Mode, "pairing": Pairing, "plane": Plane, "small_images": SmallImages}
        for name, choices in literals.items():
            check_choice(self, name, get_args(choices))
        check_choice(self, "scale", SCALES)
        for name in ("head_threshold", "min_head_fraction", "min_patch_head", "validation_fraction"):
            _expect(0.0 <= getattr(self, name) < 1.0, self, name, "a fraction in [0, 1)")
        check_range(self, "patches_per_slice", "noise_copies", "shard_mebibytes", least=1)
        check_range(self, "train_pairs", "validation_pairs", "lr_patch", least=0)
        _expect(
            self.hr_size >= 16 and self.hr_size % self.scale == 0,
            self,
            "hr_size",
            f"16 or more and a multiple of {self.scale}",
        )
        _expect(self.lr_patch <= self.lr_size, self, "lr_patch", f"at most the LR slice's {self.lr_size}")
        if self.mode == "slices":
            self._check_drawn_anew()
        if self.pairing == "repetitions":
            self._check_measured()

    def _check_drawn_anew(self) -> None:
        """What is drawn anew in every epoch has neither a number nor copies."""
        given = [name for name in _OF_PAIRS if getattr(self, name) != getattr(PairsConfig, name)]
        if given:
            unused, received = (
                ", ".join(f"{name}={getattr(of, name)}" for name in given) for of in (PairsConfig, self)
            )
            raise ConfigError(
                f"Expected {unused} with mode='slices', whose pairs are drawn anew in every epoch. Received: "
                f"{received}. Set them so, or choose mode='pairs'."
            )

    def _check_measured(self) -> None:
        """Measured noise is there once, and in the slices that were acquired."""
        for name, only in (("mode", "pairs"), ("plane", "acquired"), ("noise_copies", 1)):
            _expect(getattr(self, name) == only, self, name, f"{only} with pairing='repetitions'")

    @property
    def lr_size(self) -> int:
        """Side of an LR slice in pixels."""
        return self.hr_size // self.scale

    @property
    def hr_patch(self) -> int:
        """Side of an HR patch in pixels; 0 for whole slices."""
        return self.lr_patch * self.scale

    def to_json(self) -> dict[str, Any]:
        """All settings as plain values, in a form that `from_json` reads."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PairsConfig:
        """Build a configuration from plain values, such as a TOML table.

        Raises:
            ConfigError: A name is unknown or a value is out of its range.
        """
        values = dict(values)
        acquisition = _build(AcquisitionConfig, values.pop("acquisition", {}))
        return _build(cls, {**values, "acquisition": acquisition})

    @classmethod
    def of_records(cls, values: Mapping[str, Any]) -> PairsConfig:
        """The settings that records were made with, as `to_json` gave them.

        Records of slices may have been asked for a number of pairs, which did nothing: it is left out.

        Raises:
            ConfigError: As `from_json`.
        """
        unused = _OF_PAIRS if values["mode"] == "slices" else ()
        return cls.from_json({name: value for name, value in values.items() if name not in unused})


def load_preset(name_or_path: str | Path) -> PairsConfig:
    """Read the settings of a preset of the package ("best", "paper", "quick") or of a TOML file of one's own.

    Raises:
        ConfigError: There is no such preset, or the file is not TOML or has an unknown setting.
    """
    return read_preset(PRESETS, name_or_path, PairsConfig.from_json)


def _build(cls: type[Any], values: Any) -> Any:
    if not isinstance(values, dict):
        raise ConfigError(f"Expected a table of settings of {cls.__name__}. Received: {values!r}.")
    check_names(cls, values)
    return cls(**values)


def _expect(condition: bool, config: Any, name: str, wanted: str) -> None:
    if not condition:
        raise refusal(name, wanted, getattr(config, name))
